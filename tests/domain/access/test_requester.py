"""Who asks, and what they may see."""

import pytest

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity, Requester, RowScope, recorded_identity, recorded_name

PERSON = Identity("tenant", object_id="ann")


@pytest.mark.parametrize(
    ("path", "is_seen"),
    [("corporate", False), ("corporate/legal", True), ("corporate/legal/law", True), ("corporate/legal-aid", False)],
)
def test_a_scope_has_a_cost_centre_and_what_is_below_it_by_whole_components(path: str, *, is_seen: bool) -> None:
    assert RowScope(cost_centres=frozenset({"corporate/legal"})).has_cost_centre(path) is is_seen


def test_a_scope_of_everything_has_each_cost_centre_and_an_own_one_none() -> None:
    assert RowScope(everything=True).has_cost_centre("corporate")
    assert not RowScope(own=PERSON).has_cost_centre("corporate")


def test_the_records_tell_a_person_from_an_application() -> None:
    assert PERSON.actor == "person:tenant/ann"
    assert Identity("tenant", app_id="job").actor == "application:tenant/job"


def test_an_admin_has_any_role_and_others_have_their_own() -> None:
    assert Requester(PERSON, "Ann", frozenset({AppRole.ADMIN})).has_any(AppRole.FINANCE)
    assert not Requester(PERSON, "Ann", frozenset({AppRole.OWNER})).has_any(AppRole.FINANCE, AppRole.AUDITOR)


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        ("Ann Lee", "Ann Lee [ann]"),
        ("Ann [bob]", "Ann bob [ann]"),
        ("Ann\u202e\nLee", "AnnLee [ann]"),
        ("", "[ann]"),
        ("x" * 500, "x" * 100 + " [ann]"),
    ],
)
def test_a_record_names_somebody_by_name_and_id_whatever_they_are_called(name: str, recorded: str) -> None:
    by = Requester(PERSON, name).by

    assert by == recorded
    assert recorded_identity(by) == "ann"
    assert recorded_name(by) == recorded.removesuffix("[ann]").strip()


def test_a_name_alone_has_no_identity() -> None:
    assert recorded_identity("Ann Lee") == ""
    assert recorded_name("Ann Lee") == "Ann Lee"
