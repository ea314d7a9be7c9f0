"""Sessions: what a cookie holds, who can read, make or change it, when it ends, and that a copy of it ends with it."""

import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chargeback.adapters.azure.key_vault import FixedKeys
from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.owners import CentreOwners, Ownership
from chargeback.domain.access.requester import Identity
from chargeback.domain.access.verified_caller import VerifiedCaller
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.terms.terms import Terms
from chargeback.services.access.ended_sessions import KIND, EndedSessions
from chargeback.services.access.people import People
from chargeback.services.access.seal_keys import seal_keys_in
from chargeback.services.access.sealing import Seal
from chargeback.services.access.sessions import COOKIE, SealedSessions
from chargeback.services.ports.control import Document
from tests.support.catalogues import catalogue

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENDS = NOW + timedelta(minutes=75)
TENANT, ANN, LEADS = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("tenant", "ann", "leads"))
OWNED = Ownership((CentreOwners("product/support", groups=frozenset({LEADS})),))


def key() -> str:
    return secrets.token_urlsafe(32)


def caller(*roles: AppRole, groups: tuple[str, ...] = (), name: str = "Ann Lee") -> VerifiedCaller:
    return VerifiedCaller(
        Identity(TENANT, object_id=ANN), name, "ann.lee@example.com", frozenset(roles), frozenset(groups)
    )


class World:
    """Instances of one app: they share the stores and the secret."""

    def __init__(self, *keys: str, ownership: Ownership = OWNED, app: str = "app") -> None:
        self.now = NOW
        self.control = MemoryControl()
        self.keys, self.ownership, self.app = keys or (key(),), ownership, app

    def instance(self, *keys: str, purpose: str = "session") -> SealedSessions:
        catalogues = MemoryCatalogues(catalogue(), settled_by=Terms(ownership=self.ownership))
        seal = Seal(FixedKeys(keys or self.keys), f"{purpose} {self.app}")
        people, ended = People(None, catalogues), EndedSessions(self.control)
        return SealedSessions(seal, people, ended, catalogues, lambda: self.now)


async def test_a_session_says_on_every_instance_what_the_token_said() -> None:
    world = World()

    cookie = await world.instance().begin(caller(AppRole.FINANCE), ENDS)
    found = await world.instance().find(cookie)

    assert found is not None
    assert (found.who.identity, found.who.name, found.who.login) == (
        Identity(TENANT, object_id=ANN),
        "Ann Lee",
        "ann.lee@example.com",
    )
    assert found.who.roles == {AppRole.FINANCE}
    assert found.who.scope.everything
    assert found.ends == ENDS


async def test_what_somebody_owns_is_asked_of_the_configuration_in_force_now() -> None:
    world = World(ownership=Ownership())
    cookie = await world.instance().begin(caller(AppRole.OWNER, groups=(LEADS,)), ENDS)
    before = await world.instance().find(cookie)
    world.ownership = OWNED
    after = await world.instance().find(cookie)

    assert before is not None
    assert after is not None
    assert before.who.scope.cost_centres == frozenset()
    assert after.who.scope.cost_centres == {"product/support"}


async def test_a_session_ends_with_its_token() -> None:
    world = World()
    cookie = await world.instance().begin(caller(), ENDS)

    world.now = ENDS - timedelta(seconds=1)
    assert await world.instance().find(cookie)
    world.now = ENDS
    assert await world.instance().find(cookie) is None


async def test_each_session_has_tokens_of_its_own() -> None:
    world = World()
    sessions = world.instance()

    cookies = [await sessions.begin(caller(), ENDS) for _ in range(2)]
    found = [await sessions.find(cookie) for cookie in cookies]

    assert len(set(cookies)) == 2
    assert len({each.form_token for each in found if each}) == 2
    assert all(each and len(each.form_token) >= 20 for each in found)


async def test_nothing_of_what_is_in_a_cookie_can_be_read() -> None:
    world = World()

    cookie = await world.instance().begin(caller(AppRole.FINANCE), ENDS)

    assert cookie.replace("-", "").replace("_", "").isalnum()  # nothing that a browser or a host would quote
    for word in ("Ann", "Finance", TENANT, ANN):
        assert word not in cookie


def cut(cookie: str) -> str:
    return cookie[:-1]


def turned(place: int) -> Callable[[str], str]:
    def turn(cookie: str) -> str:
        letter = "A" if cookie[place] != "A" else "B"
        return cookie[:place] + letter + (cookie[place + 1 :] if place != -1 else "")

    return turn


@pytest.mark.parametrize(
    "change",
    [
        cut,
        lambda cookie: cookie[:40],
        lambda cookie: cookie + "AAAA",
        lambda cookie: cookie * 40,
        lambda _: "",
        lambda _: "A" * 300,
        lambda _: "no base64 at all: ünïcödé",
        lambda _: "\x00",
        turned(0),
        turned(3),
        turned(12),
        turned(60),
        turned(-2),
    ],
)
async def test_a_cookie_that_was_changed_is_nobodys(change: Callable[[str], str]) -> None:
    world = World()
    cookie = await world.instance().begin(caller(AppRole.ADMIN), ENDS)

    assert await world.instance().find(change(cookie)) is None


async def test_a_cookie_of_another_key_another_deployment_or_another_purpose_is_nobodys() -> None:
    world = World()
    others = [
        await World().instance().begin(caller(AppRole.ADMIN), ENDS),
        await World(*world.keys, app="another").instance().begin(caller(AppRole.ADMIN), ENDS),
        await world.instance(purpose="sign-in").begin(caller(AppRole.ADMIN), ENDS),
    ]

    assert [await world.instance().find(each) for each in others] == [None] * 3


async def test_parts_of_two_cookies_make_none() -> None:
    world = World()
    first, second = [await world.instance().begin(caller(role), ENDS) for role in (AppRole.USER, AppRole.ADMIN)]

    assert await world.instance().find(first[:30] + second[30:]) is None


async def test_a_new_key_lets_everybody_stay_and_the_old_one_counts_until_it_is_taken_away() -> None:
    old, new = key(), key()
    world = World(old)
    before = await world.instance().begin(caller(), ENDS)

    known_first = await world.instance(old, new).begin(caller(), ENDS)
    turned_round = world.instance(new, old)
    after = await turned_round.begin(caller(), ENDS)

    assert all([await turned_round.find(each) for each in (before, known_first, after)])
    assert await world.instance(old, new).find(after)
    last = world.instance(new)
    assert [bool(await last.find(each)) for each in (before, known_first, after)] == [False, False, True]


async def test_an_instance_that_does_not_know_a_new_key_yet_reads_the_secret_again() -> None:
    old, new = key(), key()
    world = World(old)
    after = await world.instance(new, old).begin(caller(), ENDS)

    class ReadAgain(FixedKeys):
        async def renewed(self) -> tuple[str, ...]:
            return new, old

    sessions = world.instance()
    sessions._seal = Seal(ReadAgain((old,)), "session app")

    assert await sessions.find(after)


@pytest.mark.parametrize("secret", ["short", "x" * 33, f"{'ü' * 40}", " ", f"{'!' * 64}", " ".join(["A" * 43] * 3)])
def test_a_key_that_is_too_weak_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"key|holds"):
        seal_keys_in(secret)


async def test_somebody_in_two_hundred_groups_keeps_those_that_own_something() -> None:
    world = World()
    groups = (LEADS, *(str(uuid.uuid4()) for _ in range(199)))

    cookie = await world.instance().begin(caller(AppRole.OWNER, groups=groups, name="Ü" * 300), ENDS)
    found = await world.instance().find(cookie)

    assert len(f"{COOKIE}={cookie}") <= 4000
    assert found is not None
    assert found.who.scope.cost_centres == {"product/support"}
    assert not found.who.has_unknown_groups


async def test_a_hundred_groups_fit_whatever_they_own() -> None:
    world = World(ownership=Ownership())
    groups = (LEADS, *(str(uuid.uuid4()) for _ in range(99)))

    cookie = await world.instance().begin(caller(AppRole.OWNER, groups=groups), ENDS)
    world.ownership = OWNED
    found = await world.instance().find(cookie)

    assert found is not None
    assert found.who.scope.cost_centres == {"product/support"}


async def test_where_too_many_groups_own_something_that_is_said_and_nobody_is_locked_out() -> None:
    groups = tuple(str(uuid.uuid4()) for _ in range(200))
    world = World(ownership=Ownership((CentreOwners("product", groups=frozenset(groups)),)))

    cookie = await world.instance().begin(caller(AppRole.OWNER, groups=groups), ENDS)
    found = await world.instance().find(cookie)

    assert found is not None
    assert found.who.has_unknown_groups
    assert found.who.scope.cost_centres == frozenset()


async def test_signing_out_ends_every_copy_of_a_session_on_every_instance_and_no_other_session() -> None:
    world = World()
    cookie, other = [await world.instance().begin(caller(), ENDS) for _ in range(2)]

    await world.instance().end(cookie)

    assert await world.instance().find(cookie) is None
    assert await world.instance().find(other)


async def test_what_is_kept_of_ended_sessions_does_not_grow() -> None:
    world = World()
    for _ in range(600):
        world.now += timedelta(minutes=1)
        sessions = world.instance()
        await sessions.end(await sessions.begin(caller(), world.now + timedelta(minutes=75)))

    kept = await world.control.all(KIND)
    still = [end for each in kept for end in each["sessions"].values() if end > world.now.timestamp()]
    assert len(kept) <= 256
    assert len(still) in (75, 76)
    assert sum(len(each["sessions"]) for each in kept) < 600


async def test_two_that_sign_out_at_once_are_both_out() -> None:
    world = World()
    ended, faster = EndedSessions(world.control), EndedSessions(world.control)
    first, second = "aa" + "0" * 30, "aa" + "1" * 30

    class Overtaken(MemoryControl):
        async def get_versioned(
            self, kind: str, name: str, known: tuple[Document, str] | None = None
        ) -> tuple[Document, str] | None:
            found = await world.control.get_versioned(kind, name, known)
            if not await faster.has(second):
                await faster.add(second, ENDS, NOW)
            return found

        async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
            return await world.control.swap(kind, name, document, after)

    await EndedSessions(Overtaken()).add(first, ENDS, NOW)

    assert await ended.has(first)
    assert await ended.has(second)


class Away(MemoryControl):
    async def get(self, kind: str, name: str) -> Document | None:
        raise StoreUnavailable("Cosmos DB")

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        raise StoreUnavailable("Cosmos DB")


async def test_while_the_store_of_ended_sessions_is_away_nobody_is_let_in_and_nobody_is_told_to_be_out() -> None:
    world = World()
    cookie = await world.instance().begin(caller(), ENDS)
    world.control = Away()

    with pytest.raises(StoreUnavailable):
        await world.instance().find(cookie)
    with pytest.raises(StoreUnavailable):
        await world.instance().end(cookie)


async def test_a_browser_without_a_session_is_told_so_without_asking_any_store() -> None:
    world = World()
    world.control = Away()

    assert await world.instance().find("") is None
    assert await world.instance().find("A" * 200) is None
