"""Northwind keeps its gateway, its APIs and its policies: their calls are counted, and the month has a CSV."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import openai
import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.gateway import gateway_faults
from stack.gateway.shared_service import publish_metering
from tests.companies.folders import HERE, company_folder
from tests.policies.conftest import engines
from tests.policies.engines import ROOT, Engines, Loop
from tests.policies.whole_path import WholePath
from tests.support.published_product import PublishedProduct

__all__ = ["engines"]
ASK: list[Any] = [{"role": "user", "content": "What does clause 7 mean?"}]


@pytest.fixture(scope="module")
def northwind(engines: tuple[Engines, Loop], tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePath]:
    """The team's API behind the company's gateway, its account, and empty books."""
    folder = tmp_path_factory.mktemp("northwind")
    config = company_folder("metering_only", folder / "config")
    assert gateway_faults(config) == []
    policies = publish_metering(ROOT / "apim-policies", folder / "policies", HERE / "metering_only/team-chat.xml")
    path = WholePath(engines[1], folder, config=config, policies=policies, known=load_catalogue(config), definitions={})
    yield path
    path.close()


def client(northwind: WholePath, team: str) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=f"{northwind.running.urls['swedencentral']}/ai",
        api_key=northwind.running.keys[team],
        api_version="2024-10-21",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )


def test_the_calls_of_a_teams_own_api_are_counted_and_the_month_has_a_csv(northwind: WholePath) -> None:
    with client(northwind, "claims") as claims, client(northwind, "sales") as sales:
        raw = claims.chat.completions.with_raw_response.create(model="chat", messages=ASK)
        list(sales.chat.completions.create(model="chat", messages=ASK, stream=True))
        list(sales.chat.completions.create(model="chat", messages=ASK, stream=True))
        with pytest.raises(openai.NotFoundError):
            sales.chat.completions.create(model="nothing", messages=ASK)
        sales.chat.completions.create(model="chat", messages=ASK)
        with pytest.raises(openai.RateLimitError):  # the team's own limit of four calls
            sales.chat.completions.create(model="chat", messages=ASK)

    events = northwind.sent()
    assert northwind.settle().settled == 2
    assert [(event["type"].split(".")[2], event["data"]["subscriptionId"]) for event in events] == [
        ("recorded", "claims"),
        ("pending", "sales"),
        ("pending", "sales"),
        ("rejected", "sales"),
        ("recorded", "sales"),
        ("rejected", "sales"),
    ]
    assert raw.headers["x-team"] == "ours"  # the team's variable has its name for itself
    assert raw.headers["x-usage-event-id"] == events[0]["id"]
    assert (events[3]["data"]["errorCode"], events[5]["data"]["errorCode"]) == (
        "deploymentnotfound",
        "rate_limit_exceeded",
    )
    rows = month(northwind)
    assert sum(int(row["quantity"]) for row in rows if row["meter"].endswith("_tokens")) == northwind.billed() > 0
    assert {(row["cost_centre"], row["deployment_type"]) for row in rows if row["meter"].endswith("_tokens")} == {
        ("claims", "DataZoneStandard"),
        ("sales", "DataZoneStandard"),
    }
    assert {row["state"] for row in rows} == {"exact", "settled"}
    assert all(Decimal(row["cost"]) > 0 for row in rows if row["meter"].endswith("_tokens"))


def test_a_lost_event_is_found_in_the_log_and_a_call_of_another_api_is_not(northwind: WholePath) -> None:
    northwind.away = True
    with client(northwind, "claims") as claims:
        claims.chat.completions.create(model="chat", messages=ASK)
    northwind.sent()
    northwind.away = False

    northwind.apis = ("orders",)
    since = datetime.now(UTC) - timedelta(hours=1)
    of_others = northwind.settle(later=4000, since=since)
    northwind.apis = ("team-chat",)
    ours = northwind.settle(later=4000, since=since)

    assert (of_others.recovered, ours.recovered) == (0, 1)


def test_what_an_account_answered_is_never_booked_as_nothing_if_the_teams_policy_fails_then(
    northwind: WholePath,
) -> None:
    with client(northwind, "claims") as claims, pytest.raises(openai.InternalServerError):
        claims.chat.completions.create(model="chat", messages=ASK, extra_headers={"x-break": "1"})

    event = northwind.sent()[-1]
    assert (event["type"], event["data"]["statusCode"]) == ("chargeback.usage.pending.v1", 500)
    assert event["data"]["backend"] == "northwind-ai.openai.azure.com"
    assert event["data"]["subscriptionId"] == "claims"


def month(northwind: WholePath) -> list[dict[str, str]]:
    """The rows of the month's CSV."""
    now = datetime.now(UTC)
    period = f"{now:%Y-%m}"
    product = PublishedProduct(northwind.product)

    async def publish() -> bytes:
        await northwind.product.poster.post(now + timedelta(hours=1))
        await product.publish(period)
        return b"".join([piece async for piece in product.reports.read(f"{period}/chargeback-{period}.csv")])

    return list(csv.DictReader(northwind.loop.run(publish()).decode("utf-8-sig").splitlines()))
