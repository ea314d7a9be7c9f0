"""What people do over HTTP to rules of budgets and to limits, and how budgets stand."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.asking import act, get
from tests.support.people import as_person

pytestmark = pytest.mark.anyio

RULE = {
    "name": "search-production",
    "application": "search",
    "monthly_limit_usd": "2000.00",
    "auto_switch_enabled": True,
    "primary_model": "gpt-5.5",
    "fallback_model": "gpt-5.4-mini",
    "block_at_limit": True,
}


async def test_a_rule_is_a_monthly_budget(api: httpx.AsyncClient) -> None:
    made = await act(api, "/api/v1/budget/rules", **RULE)
    path = made.headers["location"]
    read = await get(api, path)
    headers = as_person("finance") | {"If-Match": read.headers["etag"]}
    changed = await api.put(path, json=RULE | {"monthly_limit_usd": 2500.5}, headers=headers)
    budget = (await get(api, "/api/v1/budgets/search-production")).json()["definition"]
    listed = (await get(api, "/api/v1/budget/rules")).json()["value"]

    assert (made.status_code, made.json()["fallback_model"]) == (201, "gpt-5.4-mini")
    assert (read.json()["alert_threshold"], read.json()["swap_threshold"]) == ("0.8", "0.9")
    assert read.json()["current_spend_usd"] == "0"
    assert changed.json()["monthly_limit_usd"] == "2500.5"
    assert [(each["percent"], each["do"]) for each in budget["steps"]] == [(80, "notify"), (90, "swap"), (100, "block")]
    assert {"product", RULE["name"]} <= {each["id"] for each in listed}
    assert "search-each-day" not in {each["id"] for each in listed}


@pytest.mark.parametrize(
    ("other", "target"),
    [
        ({"monthly_limit_usd": 0}, "monthly_limit_usd"),
        ({"monthly_limit_usd": "1000001"}, "monthly_limit_usd"),
        ({"monthly_limit_usd": "NaN"}, "monthly_limit_usd"),
        ({"monthly_limit_usd": 1e300}, "monthly_limit_usd"),
        ({"fallback_model": None}, "fallback_model"),
        ({"auto_switch_enabled": False}, "auto_switch_enabled"),
        ({"alert_threshold": 80}, "alert_threshold"),
        ({"swap_threshold": "0"}, "swap_threshold"),
    ],
)
async def test_a_rule_that_no_budget_can_be_is_refused(
    api: httpx.AsyncClient, other: dict[str, Any], target: str
) -> None:
    answer = await act(api, "/api/v1/budget/rules", **RULE | {"name": "x"} | other)

    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)


async def test_budgets_say_how_they_stand_and_where_they_go(api: httpx.AsyncClient) -> None:
    status = (await get(api, "/api/v1/budget/status")).json()["value"]
    violations = (await get(api, "/api/v1/budget/violations")).json()["value"]
    predicted = (await get(api, "/api/v1/budget/predict/research")).json()
    one = (await get(api, "/api/v1/budgets/research/status")).json()

    assert {"research", "product"} <= {each["id"] for each in status}
    assert {(each["state"], each["final"]) for each in status} == {("healthy", False)}
    assert violations == []
    assert (predicted["current_spend"], predicted["budget_limit"]) == ("0", "5000")
    assert one["remaining"] == "5000"
    for who in ("owner", "user"):
        assert (await get(api, "/api/v1/budget/predict/research", who)).status_code == 404


async def test_an_override_raises_the_limit_once(api: httpx.AsyncClient) -> None:
    path, until = "/api/v1/budgets/product:support/overrides", "2999-01-01T00:00:00Z"
    too_long = await act(api, path, amount="500", until=until, reason="launch")
    now = datetime.fromisoformat((await get(api, "/api/v1/budget/status")).json()["asOf"])
    until = (now + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {"Idempotency_Key": "raise"}
    made = await act(api, path, "owner", amount="500", until=until, reason="launch", headers=headers)
    again = await act(api, path, "owner", amount="500", until=until, reason="launch", headers=headers)
    top = await act(api, "/api/v1/budgets/product/overrides", "owner", amount="500", until=until, reason="launch")
    foreign = await act(api, "/api/v1/budgets/research/overrides", "owner", amount="5", until=until, reason="launch")
    status = (await get(api, "/api/v1/budgets/product:support/status")).json()
    listed = (await get(api, path)).json()["value"]

    assert too_long.status_code == 400
    assert (made.status_code, again.content) == (201, made.content)
    assert [top.status_code, foreign.status_code] == [403, 404]
    assert (status["overrides"], status["limit"]) == ("500", "8500")
    assert len(listed) == 1
