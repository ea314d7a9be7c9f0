"""Who asks: the roles of the token, and the cost centres that the configuration in force gives."""

import json

import pytest

from chargeback.adapters.memory.stores import MemoryCatalogues
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.owners import CentreOwners, Ownership
from chargeback.domain.access.requester import Identity
from chargeback.domain.access.verified_caller import VerifiedCaller
from chargeback.domain.terms.terms import Terms
from chargeback.services.access.people import People
from tests.support.catalogues import catalogue

pytestmark = pytest.mark.anyio

ANN = Identity("t", object_id="ann")
OWNED = Ownership(
    (
        CentreOwners("product/support", groups=frozenset({"leads"})),
        CentreOwners("research", people=frozenset({"ann", "robot"})),
        CentreOwners("corporate", people=frozenset({"ann.lee@example.com"})),
    )
)


class Known:
    """Tokens that are their caller's name."""

    def __init__(self, **callers: VerifiedCaller) -> None:
        self.callers = callers

    async def caller(self, token: str) -> VerifiedCaller | None:
        return self.callers.get(token)


def people(caller: VerifiedCaller) -> People:
    return People(Known(good=caller), MemoryCatalogues(catalogue(), settled_by=Terms(ownership=OWNED)))


def caller(*roles: AppRole, login: str = "", groups: tuple[str, ...] = (), unknown: bool = False) -> VerifiedCaller:
    return VerifiedCaller(ANN, "Ann Lee", login, frozenset(roles), frozenset(groups), unknown)


async def test_a_token_that_is_not_to_be_trusted_is_nobodys() -> None:
    assert await people(caller()).requester("other") is None


async def test_without_a_registration_nobody_may_ask() -> None:
    assert await People(None, MemoryCatalogues(catalogue())).requester("good") is None


@pytest.mark.parametrize("role", AppRole)
async def test_finance_auditors_and_admins_see_every_row(role: AppRole) -> None:
    found = await people(caller(role)).requester("good")

    assert found is not None
    assert found.roles == {role}
    assert found.scope.everything is (role in (AppRole.FINANCE, AppRole.AUDITOR, AppRole.ADMIN))
    assert found.scope.own == ANN


@pytest.mark.parametrize(
    ("login", "groups", "expected"),
    [
        ("", (), {"research"}),
        ("Ann.Lee@Example.com", (), {"research", "corporate"}),
        ("", ("leads", "others"), {"research", "product/support"}),
    ],
)
async def test_an_owner_has_the_cost_centres_of_groups_object_id_and_sign_in_name(
    login: str, groups: tuple[str, ...], expected: set[str]
) -> None:
    found = await people(caller(AppRole.OWNER, login=login, groups=groups)).requester("good")

    assert found is not None
    assert found.scope.cost_centres == expected


async def test_an_application_owns_by_its_client_id() -> None:
    robot = VerifiedCaller(Identity("t", app_id="robot"), "robot", roles=frozenset({AppRole.OWNER}))

    found = await people(robot).requester("good")

    assert found is not None
    assert found.scope.cost_centres == {"research"}


async def test_without_the_role_nobody_owns_anything() -> None:
    found = await people(caller(AppRole.USER, groups=("leads",))).requester("good")

    assert found is not None
    assert found.scope.cost_centres == frozenset()


async def test_a_name_that_is_only_shown_owns_nothing() -> None:
    shown = VerifiedCaller(Identity("t", "guest"), "ann.lee@example.com", roles=frozenset({AppRole.OWNER}))

    found = await people(shown).requester("good")

    assert found is not None
    assert found.scope.cost_centres == frozenset()


async def test_an_owner_in_too_many_groups_is_told_so_and_keeps_what_is_theirs_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = await people(caller(AppRole.OWNER, unknown=True)).requester("good")

    assert found is not None
    assert found.has_unknown_groups
    assert found.scope.cost_centres == {"research"}
    (line,) = [json.loads(record.message) for record in caplog.records]
    assert (line["event"], line["actor"]) == ("groups_left_out", "person:t/ann")


async def test_too_many_groups_matter_to_owners_alone() -> None:
    found = await people(caller(AppRole.FINANCE, unknown=True)).requester("good")

    assert found is not None
    assert not found.has_unknown_groups
