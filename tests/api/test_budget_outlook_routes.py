"""How the figure of a budget comes about, where it goes, and what it would have done, over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.support.page_worlds import PageWorld, call, this_month, world_over
from tests.support.people import as_person, client_of
from tests.support.whole_api import whole_api

pytestmark = pytest.mark.anyio

BUDGET = {
    "id": "product/search/launch", "costCentre": "product/search", "amount": 20, "every": "year",
    "steps": [{"percent": 10, "do": "warn"}, {"percent": 50, "do": "block"}],
}  # fmt: skip
PATH = "/api/v1/budgets/product:search:launch"


@pytest.fixture(scope="module")
async def world(anyio_backend: str) -> PageWorld:
    """Nine days of calls."""
    world, now = world_over(), datetime.now(UTC)
    times = [f"{now - timedelta(days=back, seconds=9):%Y-%m-%dT%H:%M:%SZ}" for back in range(9)]
    await world.ingest([call("search", "", 400, time=each) for each in times], now)
    await world.container.auditor.audit(now)
    await world.act("finance", "POST", "/budgets", **BUDGET)
    return world


@pytest.fixture(scope="module")
async def api(world: PageWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(whole_api(world.container)) as client:
        yield client


async def get(api: httpx.AsyncClient, path: str, who: str = "finance", status: int = 200) -> Any:
    answer = await api.get(path, headers=as_person(who))
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_explanation_adds_up_to_the_status(api: httpx.AsyncClient) -> None:
    status, explained = await get(api, f"{PATH}/status"), await get(api, f"{PATH}/explanation")

    for name in ("spent", "limit", "remaining", "step"):
        assert explained["status"][name] == status[name]
    parts = [Decimal(explained[each]) for each in ("posted", "counted", "estimated")]
    assert sum(parts) == Decimal(status["spent"])
    by_date = [Decimal(each["posted"]) + Decimal(each["counted"]) for each in explained["dates"]]
    assert sum(by_date) == Decimal(status["known"])
    assert [each["isReached"] for each in explained["steps"]] == [
        each["reachedOn"] is not None for each in explained["steps"]
    ]
    assert Decimal(explained["steps"][0]["amount"]) == 2


async def test_several_budgets_are_predicted_as_each_alone(world: PageWorld, api: httpx.AsyncClient) -> None:
    asked = "/api/v1/budget/predict?budget=product:search:launch&budget=research&budget=nope"
    one = await get(api, "/api/v1/budget/predict/product:search:launch")
    first = await get(api, asked)
    await world.container.budget_outlooks.worked_out()
    both = await get(api, asked)

    assert {each["budget"] for each in first["value"]} | set(first["waiting"]) == {"product/search/launch", "research"}
    assert both["waiting"] == []
    (same,) = [each for each in both["value"] if each["budget"] == one["budget"]]
    assert same | {"as_of": ""} == one | {"as_of": ""}
    assert [each["budget"] for each in (await get(api, asked, "owner"))["value"]] == ["product/search/launch"]


async def test_too_many_budgets_are_not_predicted(api: httpx.AsyncClient) -> None:
    query = "&".join(f"budget=b{number}" for number in range(101))

    assert (await get(api, f"/api/v1/budget/predict?{query}", status=400))["error"]["code"] == "TooManyRows"


async def replay(api: httpx.AsyncClient, who: str = "finance", key: str = "", **body: Any) -> httpx.Response:
    headers = as_person(who) | ({"Repeatability-Request-ID": key} if key else {})
    return await api.post(f"{PATH}/replays", json={"month": this_month()} | body, headers=headers)


async def test_a_replay_is_long_work_and_is_kept(world: PageWorld, api: httpx.AsyncClient) -> None:
    asked = [await replay(api, key="once") for _ in range(2)]
    tried = await replay(api, amount="1000")
    await world.container.operation_runner.run_waiting()

    found = (await get(api, f"{PATH}/replays"))["value"]
    ended = await get(api, f"/api/v1/operations/{asked[0].json()['id']}")

    assert [each.status_code for each in (*asked, tried)] == [202, 202, 202]
    assert asked[0].json()["id"] == asked[1].json()["id"]
    assert (ended["status"], ended["result"]["budget"]) == ("Succeeded", BUDGET["id"])
    assert [(each["isTrial"], each["definition"]["amount"]) for each in found] == [(True, 1000), (False, 20)]
    assert [len(window["steps"]) for each in found for window in each["windows"]] == [0, 2]
    assert all(each["isWhole"] for each in found)
    entries = (await get(api, "/api/v1/audit-log?act=budget.replay", "auditor"))["value"]
    assert {each["target"] for each in entries} >= {f"budget:{BUDGET['id']}"}


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"month": "then"}, "$.month"),
        ({"amount": "much"}, "amount"),
        ({"steps": [{"percent": 0, "do": "warn"}]}, "steps[0].percent"),
    ],
)
async def test_a_replay_that_makes_no_sense_is_refused(api: httpx.AsyncClient, body: Any, target: str) -> None:
    answer = await replay(api, **body)

    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)


async def test_who_sees_a_budget_sees_its_replays_and_who_changes_budgets_asks_for_them(api: httpx.AsyncClient) -> None:
    assert (await replay(api, "auditor")).status_code == 403
    assert (await replay(api, "owner")).status_code == 202
    assert (await get(api, f"{PATH}/replays", "auditor"))["value"]
    research = "/api/v1/budgets/research"
    assert (await api.get(f"{research}/replays", headers=as_person("owner"))).status_code == 404
    assert (await api.get(f"{research}/explanation", headers=as_person("owner"))).status_code == 404


async def test_every_fault_of_an_entry_is_told_with_its_place(api: httpx.AsyncClient) -> None:
    wrong = BUDGET | {"id": "no id", "amount": "a lot", "steps": [{"percent": 5, "do": "swap"}]}

    error = (await api.post("/api/v1/budgets", json=wrong, headers=as_person("finance"))).json()["error"]

    assert {each["target"] for each in error["details"]} == {"id", "amount"}
    assert error["target"] in ("id", "amount")
    assert all(each["message"] in error["message"] for each in error["details"])


async def test_where_the_file_has_a_budget_is_told(api: httpx.AsyncClient) -> None:
    assert (await get(api, "/api/v1/budgets/research"))["place"].startswith("budgets.yaml:")
    assert (await get(api, PATH))["place"] == ""
