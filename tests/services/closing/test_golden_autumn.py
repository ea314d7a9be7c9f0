"""An autumn whose every figure is worked out by hand: what months with changes in them come to.

The books are kept in Berlin, in USD until October and in EUR from November on; a dollar is 0.80 EUR then. Input costs
2.00 USD a million. `flex` is a standard deployment that is recreated as provisioned on 20 October: 10 units at 1.00 an
hour, of which each takes 100 tokens a minute; `corporate` pays for what stays idle. The platform is 100 a month.

October has a day of 25 hours, so the capacity is there for 12 * 24 + 1 = 289 hours: 2 890.00, and takes
100 * 10 * 289 * 60 = 17 340 000 tokens.

    search     5 October, 1 million                                              2.00
               25 October, half past two in summer time and again in winter time  4.00
               its last second, and the first one of the 26th                     4.00
    support    flex on 19 October, 1 million                                      2.00
               flex on 21 October, 4 of 17.34 million: 0.230680507497           666.66666666633
    corporate  13.34 of 17.34 million: 0.769319492503                         2 223.33333333367
    platform   50.00 for search and for support

    search 60.00, support 718.66666666633, corporate 2 223.33333333367: 3 002.00; the millionth is support's

Late, when October is closed in USD and November is open in EUR: 4 million more of support on flex, 1 million of search
on 6 October. Used are 8 of 17.34 million, 0.461361014994: 1 333.33333333266.

    support + 666.66666666633, corporate - 666.66666666633, search + 2.00: in USD, beside the EUR of November:
    search 1.60 + 40.00, support 40.00, corporate 10 * 720 * 0.80 = 5 760.00

After November was closed, search turns out to have been research since 6 October: the 8.00 of the 25th and 26th and the
2.00 that November corrected are taken from search and given to research, in USD.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.domain.terms.terms import Terms
from chargeback.services.closing.correct_period import correct_period
from chargeback.services.focus.write_focus import write_focus
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, published_for_real
from tests.support.config_files import config_folder
from tests.support.csv_rows import rows

NOVEMBER_5 = datetime(2026, 11, 5, 6, tzinfo=UTC)
DECEMBER_6 = datetime(2026, 12, 6, 6, tzinfo=UTC)

FILES = {
    "books.yaml": """
books:
  - {from: "2026-01", timeZone: Europe/Berlin, currency: USD}
  - {from: "2026-11", timeZone: Europe/Berlin, currency: EUR}
exchangeRates: [{from: USD, to: EUR, rate: "0.80", date: 2026-11-30, source: the bank}]
""",
    "deployments.yaml": """
accounts:
  - {account: oai-swedencentral, region: swedencentral, priority: 1, weight: 1, deployments: eu}
deploymentSets:
  eu:
    - {name: gpt-4o, model: gpt-4o, version: "2024-11-20", type: DataZoneStandard, capacity: 1}
    - {name: flex, model: gpt-4o, version: "2024-11-20", type: ProvisionedManaged, capacity: 10}
""",
    "dated-deployments.yaml": """
deployments:
  - {accounts: [oai-swedencentral], name: flex, model: gpt-4o, version: "2024-11-20", type: DataZoneStandard,
     effectiveTo: 2026-10-20}
""",
    "rate-card.yaml": """
currency: USD
prices:
  - {provider: azure-openai, model: gpt-4o, deploymentTypes: [DataZoneStandard], effectiveFrom: 2024-01-01T00:00:00Z,
     source: page, perMillion: {input_tokens: "2.00", output_tokens: "8.00"}}
""",
    "shared-costs.yaml": """
sharedCosts:
  - {id: capacity, name: Capacity, kind: provisioned, perHour: "1.00", units: 10, currency: USD, basis: usage,
     measure: tokens, effectiveFrom: 2026-10-20, of: {deployments: [flex]}, source: contract,
     capacity: {tokensPerMinute: "100", idle: corporate}}
  - {id: platform, name: Platform, kind: fee, perMonth: "100.00", currency: USD, basis: even,
     among: [search, support], source: agreed}
""",
}
CENTRES = """
costCentres:
  - {path: search, name: Search}
  - {path: support, name: Support}
  - {path: research, name: Research}
  - {path: corporate, name: Corporate}
rules:
"""
RULES = """
  - {id: search, when: {subscription: search}, costCentre: search}
  - {id: support, when: {subscription: support}, costCentre: support}
"""
MOVED = """
  - {id: search, when: {subscription: search}, costCentre: search, effectiveTo: 2026-10-06}
  - {id: moved, when: {subscription: search}, costCentre: research, effectiveFrom: 2026-10-06}
  - {id: support, when: {subscription: support}, costCentre: support}
"""


def configuration(folder: Path, rules: str) -> tuple[Catalogue, Terms]:
    config_folder(folder)
    for name, content in (FILES | {"cost-centres.yaml": CENTRES + rules}).items():
        path_of(folder, name).write_text(content)
    catalogue = load_catalogue(folder)
    return catalogue, load_terms(folder, catalogue)


def call(team: str, time: str, millions: int = 1, deployment: str = "gpt-4o") -> bytes:
    usage = tokens(millions * 1_000_000, 0)
    return usage_event(subscriptionId=team, productId="p", deployment=deployment, time=time, usage=usage)


OCTOBER = [
    call("search", "2026-10-05T10:00:00Z"),
    call("search", "2026-10-25T00:30:00Z"),
    call("search", "2026-10-25T01:30:00Z"),
    call("search", "2026-10-25T22:59:59.999999Z"),
    call("search", "2026-10-25T23:00:00Z"),
    call("support", "2026-10-19T10:00:00Z", deployment="flex"),
    call("support", "2026-10-21T10:00:00Z", 4, "flex"),
]
LATER = [
    call("support", "2026-10-22T10:00:00Z", 4, "flex"),
    call("search", "2026-10-06T10:00:00Z"),
    call("search", "2026-11-03T10:00:00Z"),
]


async def autumn(folder: Path) -> ClosingProduct:
    """October is closed; November has its late usage."""
    in_memory = published_for_real(ClosingProduct(*configuration(folder, RULES)))
    in_memory.closer = replace(in_memory.closer, publish=replace(in_memory.closer.publish, writers=(write_focus,)))
    await in_memory.ingest(OCTOBER, NOVEMBER_5)
    await in_memory.close("2026-10", NOVEMBER_5)
    await in_memory.ingest(LATER, NOVEMBER_5)
    await published(in_memory, NOVEMBER_5)
    return in_memory


class Autumn(NamedTuple):
    """The product, and its files as they are when October is closed and November is not."""

    in_memory: ClosingProduct
    closed: dict[str, bytes]
    drafts: dict[str, bytes]


@pytest.fixture(scope="module")
def of_autumn(tmp_path_factory: pytest.TempPathFactory, folders_in_memory: None) -> Autumn:
    """Only one test goes on with the product."""
    in_memory = asyncio.run(autumn(tmp_path_factory.mktemp("autumn") / "october"))
    return Autumn(in_memory, dict(in_memory.closed.files), dict(in_memory.reports.files))


async def published(in_memory: ClosingProduct, now: datetime) -> None:
    await in_memory.poster.post(now)
    await in_memory.auditor.audit(now)
    await in_memory.publish_drafts(now)


def amounts(files: dict[str, bytes], month: str) -> dict[tuple[str, str], str]:
    """By cost centre and currency."""
    summary = rows(files[f"{month}/summary-{month}.csv"])
    return {(row["cost_centre"], row["currency"]): row["cost"] for row in summary if Decimal(row["cost"])}


def test_october_is_what_it_was_worked_out_to_be(of_autumn: Autumn) -> None:
    october = of_autumn.closed

    assert amounts(october, "2026-10") == {
        ("search", "USD"): "60.000000",
        ("support", "USD"): "718.666667",
        ("corporate", "USD"): "2223.333333",
    }
    charged = rows(october["2026-10/chargeback-2026-10.csv"])
    of_search = [row for row in charged if row["meter"] == "input_tokens" and row["cost_centre"] == "search"]
    assert [(row["charge_date"], row["quantity"], row["cost"]) for row in of_search] == [
        ("2026-10-05", "1000000", "2.000000"),
        ("2026-10-25", "3000000", "6.000000"),
        ("2026-10-26", "1000000", "2.000000"),
    ]


def test_a_deployment_that_was_recreated_keeps_its_past(of_autumn: Autumn) -> None:
    charged = rows(of_autumn.closed["2026-10/chargeback-2026-10.csv"])

    flex = [row for row in charged if row["deployment"] == "flex" and row["meter"] == "input_tokens"]
    assert [(row["charge_date"], row["deployment_type"], row["cost"]) for row in flex] == [
        ("2026-10-19", "DataZoneStandard", "2.000000"),
        ("2026-10-21", "ProvisionedManaged", "0.000000"),
    ]


def test_capacity_has_a_used_and_an_idle_part(of_autumn: Autumn) -> None:
    shared = [row for row in rows(of_autumn.closed["2026-10/chargeback-2026-10.csv"]) if row["kind"] == "shared"]

    parts = {row["meter"]: (row["cost_centre"], row["allocated_ratio"], row["unit_price"]) for row in shared}
    assert parts["provisioned"] == ("support", "0.230680507497", "2890")
    assert parts["provisioned-idle"] == ("corporate", "0.769319492503", "2890")


def test_november_in_euros_carries_the_corrections_of_october_in_dollars(of_autumn: Autumn) -> None:
    november = of_autumn.drafts

    assert amounts(november, "2026-11") == {
        ("search", "EUR"): "41.600000",
        ("support", "EUR"): "40.000000",
        ("corporate", "EUR"): "5760.000000",
        ("search", "USD"): "2.000000",
        ("support", "USD"): "666.666667",
        ("corporate", "USD"): "-666.666667",
    }
    told = rows(november["2026-11/focus-1.3-2026-11.csv"])
    assert {(each["BillingCurrency"], each["ChargeClass"]) for each in told} == {("EUR", ""), ("USD", "Correction")}


@pytest.mark.anyio
async def test_a_correction_is_corrected_after_the_team_has_moved(of_autumn: Autumn, tmp_path: Path) -> None:
    in_memory = of_autumn.in_memory
    await in_memory.close("2026-11", DECEMBER_6)
    before = dict(in_memory.closed.files)
    in_memory.catalogues.catalogue, in_memory.catalogues.settled_by = configuration(tmp_path / "december", MOVED)
    change = PeriodChange("rated anew", DECEMBER_6, "ann", "search has been research since the 6th")

    await correct_period("2026-10", in_memory.closing_books, in_memory.ledger, change)
    await published(in_memory, DECEMBER_6)

    in_dollars = {key[0]: cost for key, cost in amounts(in_memory.reports.files, "2026-12").items() if key[1] == "USD"}
    assert in_dollars == {"search": "-10.000000", "research": "10.000000"}
    moved = [
        row
        for row in rows(in_memory.reports.files["2026-12/chargeback-2026-12.csv"])
        if row["charge_date"] == "2026-10-06" and row["meter"] == "input_tokens"
    ]
    assert [(row["cost_centre"], row["quantity"], row["cost"]) for row in moved] == [
        ("research", "1000000", "2.000000"),
        ("search", "-1000000", "-2.000000"),
    ]
    assert in_memory.closed.files == before
    october = {key: cost for key, (_, cost) in in_memory.charged().items() if key[0] == "2026-10" and cost}
    assert sum(october.values()) == Decimal(14)
