"""A month published from books and terms for FinOps tools and people: every file says what the chargeback file says."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.budgets.budget import plain_budget
from chargeback.domain.money.exact import round_total
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.issuer import ChargeIssuer
from chargeback.domain.terms.shared_costs import Basis, CostKind, Per, Selection, SharedCost
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.usage.meters import Meter
from chargeback.services.focus.check_focus import check_file
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.focus.write_hub import write_hub
from chargeback.services.publishing.publish import publish
from chargeback.services.statements.write_statements import write_statements
from chargeback.services.workbook.write_workbook import write_workbook
from scripts.focus_validator import validate
from tests.support.published_files import ListedBooks, charge, record, rows_of, summed
from tests.support.published_files import month as to_settle

pytestmark = pytest.mark.anyio

WRITERS = (write_focus, write_workbook, write_hub)
RATE = ExchangeRate("EUR", "USD", Decimal("1.0837"), "2026-03-01", "ECB")


def fee(**fields: Any) -> SharedCost:
    """100 EUR a month by use, unless said otherwise."""
    defaults: dict[str, Any] = {
        "cost_id": "gateway",
        "name": "Gateway",
        "kind": CostKind.FEE,
        "price": Decimal(100),
        "per": Per.MONTH,
        "currency": "EUR",
        "basis": Basis.USAGE,
    }
    return SharedCost(**(defaults | fields))


COSTS = [
    fee(),
    fee(cost_id="goodwill", kind=CostKind.PROVISIONED, price=Decimal("-12.34")),
    fee(cost_id="invoice", kind=CostKind.TRUE_UP, price=Decimal("-0.0007"), per=Per.PERIOD, period="2026-03"),
    fee(cost_id="forgotten", per=Per.PERIOD, period="2026-03", corrects="2026-02", price=Decimal("33.33")),
]


def records() -> list[Any]:
    """Two centres on two days, one of them with a call that nobody has priced."""
    calls = charge(Meter.REQUESTS, 4, "0")
    return [
        record(charge(), calls),
        record(charge(quantity=7, cost="0.0000175"), calls, day="2026-03-15", user="ann"),
        record(
            charge(
                Meter.OUTPUT,
                3000,
                "0.03",
                **dict.fromkeys(("per_million", "list_per_million", "contracted_per_million"), Decimal(10)),
            ),
            centre="company/legal",
            user="zoe",
        ),
        record(charge(cost=None, state="unpriced"), centre="company/legal", model="new"),
    ]


async def month() -> tuple[Manifest, dict[str, bytes]]:
    reports = MemoryReports()
    terms = Terms(exchange_rates=[RATE], shared_costs=COSTS)
    books = ListedBooks(records())
    manifest = await publish(to_settle(terms=terms), books, reports, writers=WRITERS)  # type: ignore[arg-type]
    return manifest, reports.files


def focus_of(files: dict[str, bytes]) -> Sequence[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["2026-03/focus-1.3-2026-03.csv"].decode(), newline=""), strict=True))


async def test_every_file_sums_to_the_total_of_the_manifest() -> None:
    manifest, files = await month()

    total = Decimal(manifest.totals["USD"])
    told = focus_of(files)
    assert sum(Decimal(each["BilledCost"]) for each in told) == total
    by_centre = {key: amount for (key,), amount in summed(rows_of(files), "cost_centre").items()}
    assert {key: amount for (key,), amount in summed(told, "SubAccountId", of="BilledCost").items()} == by_centre
    workbook = CalamineWorkbook.from_filelike(BytesIO(files["2026-03/chargeback-2026-03.xlsx"]))
    *_, last = workbook.get_sheet_by_name("Cost centres").to_python()
    assert last[3] == float(total)
    assert workbook.get_sheet_by_name("Summary").to_python()[4][0] == float(round_total(total, 2))
    assert len([path for path in files if "/finops-hub/" in path]) == 2
    assert sorted(file.path for file in manifest.files) == sorted(
        path for path in files if "manifest" not in path or "hub" in path
    )


async def test_shared_costs_are_told_over_the_time_that_they_are_for() -> None:
    _, files = await month()

    told = {each["ResourceName"]: each for each in focus_of(files) if each["AllocatedMethodId"]}
    whole_month = ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
    spans = {name: (each["ChargePeriodStart"], each["ChargePeriodEnd"]) for name, each in told.items()}
    assert spans == dict.fromkeys(("gateway", "goodwill", "invoice"), whole_month) | {
        "forgotten": ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
    }
    categories = {name: (each["ChargeCategory"], each["ChargeClass"]) for name, each in told.items()}
    assert categories == {
        "gateway": ("Usage", ""),
        "goodwill": ("Credit", ""),
        "invoice": ("Adjustment", ""),
        "forgotten": ("Usage", "Correction"),
    }
    assert told["goodwill"]["ListUnitPrice"] == "", "FOCUS knows no price below zero"
    assert told["gateway"]["ListUnitPrice"] == "108.37"


async def test_the_published_file_passes_the_foundations_validator_and_our_checks(
    validator: None,
    tmp_path: Path,
) -> None:
    _, files = await month()
    path = tmp_path / "focus.csv"
    path.write_bytes(files["2026-03/focus-1.3-2026-03.csv"])

    verdict = validate(path)

    assert verdict.failed == {}
    check_file(path)


async def test_the_same_books_are_the_same_bytes() -> None:
    assert await month() == await month()


async def test_the_terms_of_a_month_decide_what_is_said_of_capacity_contact_and_budgets() -> None:
    """50 units for 744 hours at 1.00 USD; three quarters of 4 000 tokens are search's."""
    of = Selection(accounts=("oai-eastus2",), deployments=("gpt-4o",))
    capacity = fee(kind=CostKind.PROVISIONED, price=Decimal(1), per=Per.HOUR, units=50, currency="USD", of=of)
    budget = plain_budget("company/search", Decimal(1000), "EUR", ())
    issuer = ChargeIssuer("AI Platform", "ai@example.com", 10)
    terms = Terms(exchange_rates=[RATE], shared_costs=[capacity], budgets=[budget], issuer=issuer)
    used = [
        record(charge(quantity=3000, cost="0.0075")),
        record(charge(quantity=1000), centre="company/legal", user="zoe"),
    ]
    reports = MemoryReports()

    await publish(
        to_settle(terms=terms),
        ListedBooks(used),  # type: ignore[arg-type]
        reports,
        writers=(write_focus, partial(write_statements, workers=0)),
    )

    (part,) = [each for each in focus_of(reports.files) if each["AllocatedResourceId"] == "company/search"]
    told = ("PricingQuantity", "PricingUnit", "ListUnitPrice", "ListCost", "ResourceId", "AllocatedMethodId")
    assert [part[name] for name in told] == [
        "27900.0",
        "PTU-Hours",
        "1.0",
        "27900.0",
        "oai-eastus2/openai/deployments/gpt-4o",
        "usage-tokens",
    ]
    assert '"UsageUnit": "Tokens", "UsageQuantity": 3000.0' in part["AllocatedMethodDetails"]
    assert {part[name] for name in ("ProviderName", "InvoiceIssuerName")} == {"AI Platform"}
    page = reports.files["2026-03/statements/company/search/statement-2026-03.html"].decode()
    for said in (
        "ai@example.com",
        "2026-04-10",
        "37\N{NARROW NO-BREAK SPACE}200 PTU-hours at 1 USD",
        "1.0837 USD for 1 EUR",
    ):
        assert said in page
