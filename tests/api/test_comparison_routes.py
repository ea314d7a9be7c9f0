"""The routes of usage that is not exact, of the last days, and of two spans beside each other."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest

from chargeback.domain.reports.movers import MOVER_PARTS
from tests.api.asking import MARCH, ask
from tests.support.costs_api import OWNER
from tests.support.people import as_person

pytestmark = pytest.mark.anyio


async def test_usage_without_a_price_is_listed_for_whoever_sees_it(costs: httpx.AsyncClient) -> None:
    everything = await ask(costs, "usage/unpriced")
    owner = await ask(costs, "usage/unpriced", OWNER.name)
    unsettled, estimated = await ask(costs, "usage/unsettled"), await ask(costs, "usage/estimated")

    assert {(row["costCentre"], row["model"], row["cost"]) for row in everything["value"]} == {
        ("research", "gpt-unknown", None)
    }
    assert {row["usageState"] for row in everything["value"]} == {"unpriced"}
    assert owner["value"] == unsettled["value"] == estimated["value"] == []


async def test_the_last_days_have_no_first_date(costs: httpx.AsyncClient) -> None:
    found = await costs.get(
        "/api/v1/cost/trends", params={"days": 31, "endDate": "2026-03-31"}, headers=as_person("finance")
    )
    refused = await costs.get("/api/v1/cost/trends", params=MARCH, headers=as_person("finance"))

    assert found.json()["value"] == (await ask(costs, "costs/series"))["value"]
    assert (refused.status_code, refused.json()["error"]["target"]) == (400, "startDate")


async def test_a_path_that_says_the_state_takes_no_filter_by_it(costs: httpx.AsyncClient) -> None:
    answer = await costs.get(
        "/api/v1/usage/unpriced", params=MARCH | {"usageState": "exact"}, headers=as_person("finance")
    )

    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "usageState")


async def test_a_comparison_says_what_moved_the_difference(costs: httpx.AsyncClient) -> None:
    found = await ask(costs, "costs/comparison", startDate="2026-03-11", groupBy="costCentre")
    default = await ask(
        costs,
        "costs/comparison",
        startDate="2026-03-11",
        groupBy="costCentre",
        compareStartDate="2026-02-18",
        compareEndDate="2026-03-10",
    )

    assert found == default
    assert (found["before"]["startDate"], found["before"]["endDate"]) == ("2026-02-18", "2026-03-10")
    (currency,) = found["currencies"]
    assert Decimal(currency["after"]) - Decimal(currency["before"]) == Decimal(currency["change"])
    assert found["value"]
    for row in found["value"]:
        parts = [Decimal(row[part]) for part in MOVER_PARTS]
        assert sum(parts) == Decimal(row["change"]) == Decimal(row["after"]) - Decimal(row["before"])
        assert (row["state"], row["final"], row["asOf"]) == ("open", False, found["after"]["asOf"])


@pytest.mark.parametrize(
    ("parameters", "target"),
    [
        ({"compareStartDate": "2026-02-01"}, "compareStartDate"),
        ({"compareStartDate": "2026-02-30", "compareEndDate": "2026-02-28"}, "compareStartDate"),
        ({"compareStartDate": "2026-02-01", "compareEndDate": "9999-01-01"}, "compareEndDate"),
        ({"startDate": "1970-01-01", "endDate": "1970-01-31"}, "startDate"),
        ({"top": "0"}, "top"),
        ({"top": "101"}, "top"),
        ({"groupBy": ["kind"]}, "groupBy"),
        ({"groupBy": ["user", "model", "meter"]}, "groupBy"),
    ],
)
async def test_a_comparison_that_cannot_be_made_is_refused_by_its_parameter(
    costs: httpx.AsyncClient, parameters: Mapping[str, Any], target: str
) -> None:
    answer = await costs.get("/api/v1/costs/comparison", params=MARCH | parameters, headers=as_person("finance"))

    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)
