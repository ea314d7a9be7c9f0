"""Nobody learns anything of rows that are not theirs: whatever they ask, the answer is what it is without these rows.

Two products hold the same rows of a person and other rows of everybody else. Each question that the person asks of
both, by any route, filter, grouping, format, page or tag, has to have one answer.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.access.requester import Requester
from tests.api.test_route_roles import DOCUMENTED, OURS, PATHS
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import FINANCE, NOBODY, NOW, OWNER, USER, costs_api
from tests.support.evidenced_months import call, evidenced
from tests.support.examples import few
from tests.support.people import TENANT, as_person, client_of

pytestmark = pytest.mark.anyio

MINE = {"tenantId": TENANT, "userObjectId": USER.identity.object_id}
NOT_MINE = {"tenantId": TENANT, "userObjectId": "object-other"}

THEIRS = [
    call("search", "2026-03-10T10:00:00Z", **MINE),
    call("search", "2026-03-12T10:00:00Z", **MINE, serviceTier="priority"),
]
IN_PRODUCT = [call("search", "2026-03-11T10:00:00Z", **NOT_MINE), call("nomads", "2026-03-14T10:00:00Z", **NOT_MINE)]
ELSEWHERE = [call("stranger", "2026-03-15T10:00:00Z", username="=cmd")]
OTHERS_ELSEWHERE = [
    *(
        call("nomads", f"2026-03-{day}T10:00:00Z", tenantId=TENANT, userObjectId=f"object-{day}")
        for day in range(16, 20)
    ),
    call("stranger", "2026-03-02T10:00:00Z", deployment="secret-model", model="secret-model"),
    call("nomads", "2026-03-17T10:00:00Z", stream=True, username="secret-name"),
]
OTHERS_IN_PRODUCT = [
    call("search", "2026-03-05T10:00:00Z", tenantId=TENANT, userObjectId="object-secret", username="secret-name"),
    call("nomads", "2026-03-01T10:00:00Z", deployment="secret-model", model="secret-model"),
]


async def product(folder: Path, *calls: bytes, now: datetime = NOW) -> ViewedProduct:
    made = evidenced(folder)
    await made.ingest(list(calls), now)
    await made.auditor.audit(now)
    viewed = ViewedProduct(made)
    await viewed.refresh(now)
    return viewed


@dataclass
class Worlds:
    """For each person two products that differ in what is not theirs."""

    pairs: dict[str, tuple[httpx.AsyncClient, httpx.AsyncClient]]


@pytest.fixture(scope="module")
async def worlds(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worlds]:
    folder = tmp_path_factory.mktemp("worlds")
    here = await product(folder / "here", *THEIRS, *IN_PRODUCT, *ELSEWHERE)
    beside_owner = await product(folder / "owner", *THEIRS, *IN_PRODUCT, *OTHERS_ELSEWHERE)
    beside_user = await product(folder / "user", *THEIRS, *OTHERS_IN_PRODUCT, *OTHERS_ELSEWHERE)
    async with (
        client_of(costs_api(here)) as first,
        client_of(costs_api(beside_owner)) as of_owner,
        client_of(costs_api(beside_user)) as of_user,
    ):
        yield Worlds({"owner": (first, of_owner), "user": (first, of_user), "nobody": (first, of_user)})


def sets_of(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True)


CENTRES = ["product", "product/search", "research", "unallocated", "nowhere", ""]
USERS = [USER.identity.object_id, "object-other", "object-secret", "secret-name", "=cmd", "object-16"]
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "costCentre": sets_of(CENTRES),
        "department": sets_of(CENTRES),
        "user": sets_of(USERS),
        "user_id": sets_of(USERS),
        "model": sets_of(["gpt-4o", "secret-model", "(others)", ""]),
        "application": sets_of(["search", "nomads", "stranger"]),
        "usageState": sets_of(["exact", "unpriced", "unsettled", "estimated"]),
        "kind": sets_of(["usage", "shared", "correction"]),
        "groupBy": sets_of(["costCentre", "user", "model", "application", "usageState", "meter", "kind"]),
        "granularity": st.sampled_from(["day", "month"]),
        "maxpagesize": st.sampled_from(["1", "2", "500"]),
        "startDate": st.sampled_from(["2026-03-01", "2026-03-11", "2026-02-01"]),
        "endDate": st.sampled_from(["2026-03-31", "2026-03-12"]),
    },
)
ACCEPTED = st.sampled_from(["application/json", "text/csv", "application/vnd.apache.parquet"])
OF_THIS_MOMENT = {
    "getForecast", "listAnomalies", "listAlerts", "getBudgetStatuses", "listBudgetViolations", "predictBudgets",
}  # fmt: skip
"""Operations whose answer names the moment at which it was asked for."""
READING = sorted(name for name in OURS if DOCUMENTED[name][0] == "get")


async def ask(
    client: httpx.AsyncClient, who: Requester, operation: str, asked: Mapping[str, Any], accept: str
) -> list[tuple[int, Any]]:
    """Every page of an answer, without what only says that the books changed somewhere."""
    _, path, described = DOCUMENTED[operation]
    known = {each["name"] for each in described.get("parameters", ())}
    span = {"startDate": "2026-03-01", "endDate": "2026-03-31"}
    parameters = {name: value for name, value in (span | dict(asked)).items() if name in known}
    headers = as_person(who.name) | {"Accept": accept}
    answer = await client.get(path.format(**PATHS), params=parameters, headers=headers)
    pages = [(answer.status_code, said_by(answer))]
    if operation in OF_THIS_MOMENT:
        return [(answer.status_code, _without(said_by(answer), {"asOf", "as_of", "since"}))]
    while (link := _next(answer)) and len(pages) < 50:
        answer = await client.get(link, headers=headers)
        pages.append((answer.status_code, said_by(answer)))
    return pages


def _next(answer: httpx.Response) -> str:
    if answer.headers.get("content-type", "").startswith("application/json"):
        return str(answer.json().get("nextLink", ""))
    return answer.links.get("next", {}).get("url", "")


def said_by(answer: httpx.Response) -> Any:
    kind = answer.headers.get("content-type", "")
    if kind.startswith("application/json"):
        return _without_version(answer.json())
    if answer.content[:4] == b"PAR1":
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            file.write(answer.content)
            file.flush()
            return duckdb.execute(f"FROM '{file.name}'").fetchall()
    return answer.text


def _without_version(said: Any) -> Any:
    return _without(said, {"version", "nextLink"})


def _without(said: Any, names: set[str]) -> Any:
    if isinstance(said, dict):
        return {name: _without(each, names) for name, each in said.items() if name not in names}
    return [_without(each, names) for each in said] if isinstance(said, list) else said


@pytest.mark.parametrize("who", [OWNER, USER, NOBODY], ids=lambda who: who.name)
async def test_an_answer_is_the_same_whatever_others_did(worlds: Worlds, who: Requester) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=few(60))
    @given(st.sampled_from(READING), FILTERS, ACCEPTED)
    def hold(operation: str, asked: dict[str, Any], accept: str) -> None:
        async def both() -> list[Any]:
            return [await ask(client, who, operation, asked, accept) for client in worlds.pairs[who.name]]

        here, there = asyncio.run_coroutine_threadsafe(both(), loop).result(60)
        assert here == there

    await asyncio.to_thread(hold)


@pytest.mark.parametrize("who", [OWNER, USER], ids=lambda who: who.name)
@pytest.mark.parametrize("operation", READING)
async def test_no_word_of_others_is_in_any_answer(worlds: Worlds, who: Requester, operation: str) -> None:
    _, client = worlds.pairs[who.name]

    for accept in ("application/json", "text/csv"):
        for group in ("user", "model", "costCentre"):
            found = await ask(client, who, operation, {"groupBy": [group]}, accept)
            text = json.dumps(found)
            for word in ("secret", "research", "unallocated", "object-16"):
                if who is USER or word != "secret":
                    assert word not in text, (accept, group)


async def test_the_products_differ_for_whoever_sees_everything(worlds: Worlds) -> None:
    for here, there in (worlds.pairs["owner"], worlds.pairs["user"]):
        one, other = [
            await ask(client, FINANCE, "getCostBreakdown", {"groupBy": ["user"]}, "application/json")
            for client in (here, there)
        ]
        assert one != other


@pytest.mark.parametrize(("who", "rows"), [(OWNER, 3), (USER, 1)], ids=lambda value: getattr(value, "name", ""))
async def test_everybody_has_rows_of_their_own(worlds: Worlds, who: Requester, rows: int) -> None:
    here, _ = worlds.pairs[who.name]

    ((_, found),) = await ask(here, who, "getCostBreakdown", {"groupBy": ["user"]}, "application/json")

    assert len(found["value"]) == rows


async def test_a_cursor_or_a_tag_of_somebody_else_shows_nothing(worlds: Worlds) -> None:
    client, _ = worlds.pairs["user"]
    address = "/api/v1/costs/breakdown"
    asked = {"startDate": "2026-03-01", "endDate": "2026-03-31", "groupBy": "costCentre", "maxpagesize": "1"}
    whole = await client.get(address, params=asked, headers=as_person(FINANCE.name))

    continued = await client.get(whole.json()["nextLink"], headers=as_person(USER.name))
    tag = {"If-None-Match": whole.headers["etag"]}
    own = await client.get(address, params=asked, headers=as_person(USER.name) | tag)

    assert continued.status_code == 400
    assert continued.json()["error"]["code"] == "InvalidCursor"
    assert own.status_code == 200
    assert own.headers["etag"] != whole.headers["etag"]
    assert "private" in own.headers["cache-control"]
    assert "authorization" in own.headers["vary"].lower()
