"""Budgets over HTTP: in force at once, seen and changed by those who may, once whatever is sent again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chargeback.adapters.config.applied import AppliedCatalogues
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.recording.control import RecordedControl
from chargeback.bootstrap import Container
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.ports.control import Document
from chargeback.services.requests.repeatable import RepeatableRequests
from stack.example import EXAMPLE_CONFIG
from tests.support.people import as_person, client_of
from tests.support.whole_api import FINANCE, fresh, memory_container, whole_api

pytestmark = pytest.mark.anyio

SEARCH: dict[str, Any] = {
    "id": "product/search/launch",
    "costCentre": "product/search",
    "amount": 2000,
    "steps": [{"percent": 80, "do": "warn"}, {"percent": 100, "do": "block"}],
}
PATH = "/api/v1/budgets/product:search:launch"


@pytest.fixture(scope="module")
def built() -> tuple[Container, FastAPI]:
    container = memory_container("sweden")
    return container, whole_api(container)


@pytest.fixture
def container(built: tuple[Container, FastAPI]) -> Container:
    return fresh(built[0], "sweden")


@pytest.fixture
async def api(container: Container, built: tuple[Container, FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    assert built[0] is container
    async with client_of(built[1]) as client:
        yield client


async def post(api: httpx.AsyncClient, who: str = "finance", key: str = "", **other: Any) -> httpx.Response:
    headers = as_person(who) | ({"Repeatability-Request-ID": key} if key else {})
    return await api.post("/api/v1/budgets", json=SEARCH | other, headers=headers)


async def get(api: httpx.AsyncClient, path: str, who: str = "finance", **headers: str) -> httpx.Response:
    return await api.get(path if path.startswith("/api") else f"/api/v1/{path}", headers=as_person(who) | headers)


async def ids(api: httpx.AsyncClient, who: str) -> set[str]:
    return {each["id"] for each in (await get(api, "budgets", who)).json()["value"]}


async def test_a_budget_is_made_read_changed_and_deleted(api: httpx.AsyncClient) -> None:
    made = await post(api, reason="the launch")
    read = await get(api, PATH)
    etag = read.headers["etag"]
    changed = await api.put(
        PATH, json=SEARCH | {"amount": "2500.50"}, headers=as_person("finance") | {"If-Match": etag}
    )
    stale = await api.put(PATH, json=SEARCH, headers=as_person("finance") | {"If-Match": etag})
    headers = as_person("finance") | {"If-Match": changed.headers["etag"]}
    deleted = await api.delete(f"{PATH}?reason=over", headers=headers)
    gone = await get(api, PATH)

    assert (made.status_code, made.headers["location"]) == (201, PATH)
    assert made.headers["etag"] == etag
    assert read.json()["definition"]["amount"] == 2000
    assert (read.json()["origin"], read.json()["changedBy"]) == ("made", FINANCE.by)
    assert changed.json()["definition"]["amount"] == "2500.5"
    assert (stale.status_code, stale.headers["x-ms-error-code"]) == (412, "PreconditionFailed")
    assert deleted.status_code == 204
    assert gone.status_code == 404


async def test_what_was_read_before_is_not_sent_again(api: httpx.AsyncClient) -> None:
    await post(api)
    read = await get(api, PATH)

    assert (await get(api, PATH, **{"If-None-Match": read.headers["etag"]})).status_code == 304


async def test_whoever_changes_says_what_they_have_read(api: httpx.AsyncClient) -> None:
    await post(api)

    unread = await api.put(PATH, json=SEARCH, headers=as_person("finance"))
    undeleted = await api.delete(PATH, headers=as_person("finance"))

    assert [unread.status_code, undeleted.status_code] == [428, 428]


async def test_a_budget_of_the_files_is_changed_in_the_files(api: httpx.AsyncClient) -> None:
    filed = await get(api, "budgets/research")
    headers = as_person("finance") | {"If-Match": filed.headers["etag"]}

    changed = await api.put("/api/v1/budgets/research", json=SEARCH | {"id": "research"}, headers=headers)
    deleted = await api.delete("/api/v1/budgets/research", headers=headers)
    again = await post(api, id="research", costCentre="research")

    assert filed.json()["origin"] == "files"
    for each in (changed, deleted, again):
        assert (each.status_code, each.json()["error"]["code"]) == (409, "Conflict")
        assert "budgets.yaml" in each.json()["error"]["message"]


async def test_each_sees_the_own_budgets(api: httpx.AsyncClient) -> None:
    await post(api)
    await post(api, id="mine", costCentre=None, user="object-user", amount=5)

    everything = await ids(api, "finance")

    assert everything == await ids(api, "admin") == await ids(api, "auditor")
    assert {"product", "research", "search-each-day", "mine", SEARCH["id"]} <= everything
    assert await ids(api, "owner") == {"product", "product/support", SEARCH["id"]}
    assert await ids(api, "user") == {"mine"}
    for who in ("operator", "nobody"):
        assert (await get(api, "budgets", who)).status_code == 404
    assert (await api.get("/api/v1/budgets")).status_code == 401


@pytest.mark.parametrize("below", ["", "/status", "/history", "/overrides"])
async def test_what_one_may_not_see_does_not_exist(api: httpx.AsyncClient, below: str) -> None:
    for who in ("owner", "user"):
        hidden = await get(api, f"budgets/research{below}", who)
        missing = await get(api, f"budgets/nothing{below}", who)
        assert (hidden.status_code, hidden.json()) == (404, missing.json())
        assert missing.status_code == 404


async def test_an_owner_sets_limits_below_the_own_centre_alone(api: httpx.AsyncClient) -> None:
    made = await post(api, "owner")
    top = await post(api, "owner", id="product/more", costCentre="product", shadow=True)
    foreign = [
        await post(api, "owner", id="product/x", costCentre="research", shadow=True),
        await post(api, "owner", id="product/x", costCentre="no-such-centre", shadow=True),
        await post(api, "owner", id="product/x", costCentre=None, everything=True, shadow=True),
        await post(api, "owner", id="product/x", costCentre=None, model="gpt-5.5", shadow=True),
        await post(api, "owner", id="product/x", costCentre=None, user="object-owner", shadow=True),
        await post(api, "owner", id="product/x", costCentre="productive", shadow=True),
    ]
    squatting = await post(api, "owner", id="research", shadow=True)

    assert made.status_code == 201
    assert top.status_code == 403
    assert {each.status_code for each in foreign} == {404}
    assert len({each.text for each in foreign}) == 1
    assert (squatting.status_code, squatting.json()["error"]["target"]) == (400, "id")


async def test_an_owner_moves_no_budget_out_of_the_own_centre_and_none_of_others_into_it(
    api: httpx.AsyncClient,
) -> None:
    await post(api)
    await post(api, id="theirs", costCentre="research", shadow=True)
    mine, theirs = await get(api, PATH, "owner"), await get(api, "budgets/theirs")

    async def put(path: str, etag: str, **other: Any) -> int:
        headers = as_person("owner") | {"If-Match": etag}
        return (await api.put(path, json=SEARCH | other, headers=headers)).status_code

    assert await put(PATH, mine.headers["etag"], costCentre="research") == 404
    assert await put(PATH, mine.headers["etag"], costCentre="product") == 403
    assert await put(PATH, mine.headers["etag"], costCentre=None, everything=True) == 404
    assert await put("/api/v1/budgets/theirs", theirs.headers["etag"], id="theirs") == 404
    assert await put("/api/v1/budgets/product", (await get(api, "budgets/product")).headers["etag"]) == 403
    assert await put(PATH, mine.headers["etag"], amount=7) == 200


async def test_the_id_of_a_budget_has_letters_of_any_script(api: httpx.AsyncClient) -> None:
    made = await post(api, id="product/search/予算")
    read = await get(api, made.headers["location"])

    assert made.status_code == 201
    assert read.json() == made.json()


@pytest.mark.parametrize("who", ["auditor", "user", "operator", "nobody"])
async def test_who_may_not_change_budgets_changes_none(api: httpx.AsyncClient, container: Container, who: str) -> None:
    answer = await post(api, who)

    assert answer.status_code == (403 if who in ("auditor", "user") else 404)
    assert await container.change_budgets.made.records() == []


@pytest.mark.parametrize(
    "hostile",
    [
        "../x",
        "a b",
        "a:b",
        "",
        "x" * 201,
        "a//b",
        "/a",
        "a/",
        "a\u0000b",
        "a%2Fb",
        "decisions/../x",
        ".",
        "a\nb",
        "<b>",
    ],
)
async def test_hostile_ids_are_refused(api: httpx.AsyncClient, container: Container, hostile: str) -> None:
    made = await post(api, id=hostile)

    assert made.status_code == 400, made.text
    assert await container.change_budgets.made.records() == []


@pytest.mark.parametrize(
    "name", ["%00", "..", "%2e%2e%2fproduct", "product%2fsupport", "x" * 3000, "product:support:", "*"]
)
async def test_hostile_paths_find_nothing(api: httpx.AsyncClient, name: str) -> None:
    assert (await get(api, f"budgets/{name}")).status_code == 404


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"amount": 1e400}', b'{"id":"a","amount":1.5,"steps":[]}', b"\xff", b"[" * 9999],
)
async def test_what_is_no_budget_is_refused_with_its_place(api: httpx.AsyncClient, content: bytes) -> None:
    answer = await api.post("/api/v1/budgets", content=content, headers=as_person("finance"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidBody")


async def test_faults_are_named_as_config_validate_names_them(api: httpx.AsyncClient) -> None:
    answer = await post(api, amount=0, steps=[])

    assert answer.status_code == 400
    assert "amount: 0 is not above zero" in answer.json()["error"]["message"]
    assert "steps: names none" in answer.json()["error"]["message"]


# Once, whatever is sent again


async def test_a_repeated_post_gets_the_same_answer_and_makes_nothing(
    api: httpx.AsyncClient, container: Container
) -> None:
    first = await post(api, key="1")
    again = await post(api, key="1")
    as_others = await post(api, "admin", key="1")
    other = await post(api, key="1", amount=1)

    assert (again.status_code, again.content, again.headers["etag"]) == (201, first.content, first.headers["etag"])
    assert again.headers["repeatability-result"] == "accepted"
    assert as_others.status_code == 409
    assert (other.status_code, other.json()["error"]["code"]) == (409, "Conflict")
    (record,) = await container.change_budgets.made.records()
    assert len(record.changes) == 1


async def test_what_one_instance_made_or_deleted_every_other_one_knows_at_once() -> None:
    control = RecordedControl(MemoryControl())
    one = memory_container(control=control, catalogues=AppliedCatalogues(control, EXAMPLE_CONFIG))
    shared = {name: vars(one)[name] for name in ("control", "audit_entries", "people")}
    two = memory_container(**shared, catalogues=AppliedCatalogues(control, EXAMPLE_CONFIG))
    until = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    override = {"amount": "5", "until": until, "reason": "the launch"}

    async with client_of(whole_api(one)) as first, client_of(whole_api(two)) as second:
        before = await ids(second, "finance")  # from now on it knows for a minute what is in force
        made = await post(first)
        after = await ids(second, "finance")
        overridden = await second.post(f"{PATH}/overrides", json=override, headers=as_person("finance"))
        await first.delete(PATH, headers=as_person("finance") | {"If-Match": made.headers["etag"]})
        gone = await ids(second, "finance")
        late = await second.post(f"{PATH}/overrides", json=override, headers=as_person("finance"))

    assert after == before | {SEARCH["id"]}
    assert gone == before
    assert (overridden.status_code, late.status_code) == (201, 404)


async def test_two_instances_get_the_same_post_and_one_carries_it_out() -> None:
    one = memory_container()
    shared = {name: vars(one)[name] for name in ("control", "audit_entries", "people")}
    two = memory_container(**shared)

    async with client_of(whole_api(one)) as first, client_of(whole_api(two)) as second:
        found = await asyncio.gather(*(post(each, key="1") for each in (first, second) * 3))
        later = await post(second, key="1")

    assert {each.status_code for each in found} <= {201, 409}
    assert {each.headers["x-ms-error-code"] for each in found if each.status_code == 409} <= {"RequestUnderWay"}
    assert later.status_code == 201
    (record,) = await one.change_budgets.made.records()
    assert len(record.changes) == 1


async def test_a_lost_answer_of_the_store_makes_one_budget(api: httpx.AsyncClient, container: Container) -> None:
    control, swap = container.control, container.control.swap
    lost = []

    async def forgetful(kind: str, name: str, document: Document, after: str | None) -> str:
        token = await swap(kind, name, document, after)
        if kind == "budget" and not lost:
            lost.append(name)
            raise StoreUnavailable("the answer was lost")
        return token

    control.swap = forgetful  # type: ignore[method-assign]
    first = await post(api, key="1")
    second = await post(api, key="1")

    assert [first.status_code, second.status_code] == [201, 201]
    (record,) = await container.change_budgets.made.records()
    assert len(record.changes) == 1


async def test_after_a_kill_between_change_and_answer_the_same_post_is_answered(
    api: httpx.AsyncClient, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as dying:
        dying.setattr(RepeatableRequests, "end", killed)
        with pytest.raises(asyncio.CancelledError):
            await post(api, key="1")
    at_once = await post(api, key="1")
    await forget_lease(container)
    later = await post(api, key="1")

    assert (at_once.status_code, at_once.json()["error"]["code"]) == (409, "RequestUnderWay")
    assert later.status_code == 201
    (record,) = await container.change_budgets.made.records()
    assert len(record.changes) == 1


async def forget_lease(container: Container) -> None:
    """Some minutes are over, in which nobody ended the request."""
    (name,) = [name for kind, name in container.control._control._documents if kind == "request"]  # type: ignore[attr-defined]
    known = await container.control.get_versioned("request", name)
    assert known is not None
    await container.control.swap("request", name, {**known[0], "until": "2020-01-01T00:00:00Z"}, known[1])


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "é"])
async def test_a_key_is_short_and_plain(api: httpx.AsyncClient, key: str) -> None:
    headers = {b"Authorization": b"Bearer finance", b"Repeatability-Request-ID": key.encode()}

    answer = await api.post("/api/v1/budgets", json=SEARCH, headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidHeader")


async def test_two_keys_are_one_too_many(api: httpx.AsyncClient) -> None:
    headers = as_person("finance") | {"Repeatability-Request-ID": "1", "Idempotency-Key": "2"}

    assert (await api.post("/api/v1/budgets", json=SEARCH, headers=headers)).status_code == 400


async def test_of_several_changes_at_once_one_is_made(api: httpx.AsyncClient, container: Container) -> None:
    etag = (await post(api)).headers["etag"]
    headers = as_person("finance") | {"If-Match": etag}

    async def put(amount: int) -> int:
        return (await api.put(PATH, json=SEARCH | {"amount": amount}, headers=headers)).status_code

    codes = await asyncio.gather(*(put(amount) for amount in range(1, 9)))

    assert sorted(codes) == [200] + [412] * 7
    (record,) = await container.change_budgets.made.records()
    assert len(record.changes) == 2
