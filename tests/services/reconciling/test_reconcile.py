"""A period reconciled with the invoice, from published rows and an export to the report and the warning."""

import csv
import io
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.errors import ChargebackError, InvoiceMissing
from chargeback.domain.usage.meters import Meter
from chargeback.services.publishing.files import Files
from chargeback.services.reconciling.reconcile import Reconciled
from chargeback.services.reconciling.render_reconciliation import RECONCILIATION_COLUMNS, write_reconciliation
from tests.support.catalogues import START, catalogue, dated
from tests.support.cost_exports import INPUT_METER, OUTPUT_METER, exported
from tests.support.period_tables import row
from tests.support.product_in_memory import in_memory
from tests.support.published_files import PERIOD
from tests.support.published_product import PublishedProduct, invoice

pytestmark = pytest.mark.anyio

CARD = catalogue(dated(Meter.INPUT, (START, "2.5")), dated(Meter.OUTPUT, (START, "10")))
PRICES = {key.meter: prices[0].price_id for key, prices in CARD.prices.items()}
KEY = PriceKey("azure-openai", "gpt-4o", "", DeploymentType.GLOBAL_STANDARD, "default", "", "", Meter.INPUT)
METERS = {INPUT_METER: [KEY], OUTPUT_METER: [KEY._replace(meter=Meter.OUTPUT)]}


def used(**fields: Any) -> dict[str, Any]:
    """A row of the books: a million input tokens at 2.50, charged with a markup."""
    return row(
        **{
            "backend": "oai-eastus2-x1.openai.azure.com",
            "price_id": PRICES[Meter.INPUT],
            "cost": Decimal("2.75"),
            "exact_cost": Decimal("2.75"),
            **fields,
        }
    )


class Month(PublishedProduct):
    """Published rows and an export."""

    def __init__(self, folder: Path) -> None:
        super().__init__(in_memory(CARD))
        self.folder = folder

    def publish_rows(self, rows: list[dict[str, Any]], period: str = PERIOD, *, closed: bool = False) -> None:
        self.put(self.folder / f"rows-{period}", rows, period, closed=closed)

    def invoice(self, rows: list[dict[str, str]], **run: Any) -> None:
        invoice(self.folder / "exports", rows, **run)

    async def reconciled(self, **rules: Any) -> Reconciled:
        return await self.reconcile(self.folder / "exports", METERS, **rules)


@pytest.fixture
def month(tmp_path: Path) -> Month:
    return Month(tmp_path)


def causes(done: Reconciled) -> dict[str, str]:
    return {cause.value: str(amount.normalize()) for cause, (amount, _) in done.found.by_cause().items()}


async def test_a_month_that_the_provider_bills_alike_has_no_variance(month: Month) -> None:
    month.publish_rows([used(), used(charge_date="2026-03-15")])
    month.invoice([exported(), exported(ChargePeriodStart="2026-03-15T00:00:00Z")])

    done = await month.reconciled()

    assert (done.found.invoiced, done.found.booked, done.found.variance) == (5, 5, 0)
    assert not done.exceeded


async def test_contracted_cost_is_compared_not_what_the_cost_centre_is_charged(month: Month) -> None:
    month.publish_rows([used(cost=Decimal("99"), exact_cost=Decimal("99"))])
    month.invoice([exported()])

    assert (await month.reconciled()).found.booked == Decimal("2.5")


async def test_reasoning_is_billed_as_output_and_requests_are_not_billed(month: Month) -> None:
    # 300 000 output and 200 000 reasoning tokens at 10 per million: 5.00, one meter on the invoice.
    output = {"price_id": PRICES[Meter.OUTPUT], "unit_price": Decimal(10)}
    month.publish_rows(
        [
            used(meter="output_tokens", quantity=Decimal(300_000), contracted_cost=Decimal(3), **output),
            used(meter="reasoning_tokens", quantity=Decimal(200_000), contracted_cost=Decimal(2), **output),
            used(meter="requests", quantity=Decimal(7), requests=7, price_id="", contracted_cost=Decimal(0)),
        ]
    )
    month.invoice([exported(x_SkuMeterId=OUTPUT_METER, PricingQuantity="500", BilledCost="5")])

    (variance,) = (await month.reconciled()).found.variances
    assert (variance.booked_quantity, variance.invoiced_quantity, variance.cost) == (500_000, 500_000, 0)


async def test_an_unpriced_row_of_an_unmapped_deployment_is_found_under_its_model(month: Month) -> None:
    unmapped = {"deployment": "canary", "deployment_type": "", "region": "", "price_id": "", "state": "unpriced"}
    month.publish_rows([used(contracted_cost=None, cost=None, exact_cost=None, **unmapped)])
    month.invoice([exported()])

    assert causes(await month.reconciled()) == {"unmapped-deployment": "2.5"}


async def test_open_streams_of_the_day_and_account_explain_what_the_invoice_has_more(month: Month) -> None:
    waiting = {"meter": "requests", "state": "unsettled", "price_id": "", "quantity": Decimal(3), "requests": 3}
    month.publish_rows([used(), used(contracted_cost=None, cost=None, exact_cost=None, **waiting)])
    month.invoice([exported(PricingQuantity="1600", BilledCost="4")])

    assert causes(await month.reconciled()) == {"unsettled": "1.5"}


async def test_shared_capacity_meets_the_hours_of_the_invoice_and_fees_do_not(month: Month) -> None:
    shared = {"kind": "shared", "backend": "", "deployment": "", "model": "", "deployment_type": "", "price_id": "ptu"}
    month.publish_rows(
        [
            row(**shared, meter="provisioned", contracted_cost=Decimal("700")),
            row(**shared, meter="provisioned-idle", contracted_cost=Decimal("20"), cost_centre="research"),
            row(**shared, meter="fee", contracted_cost=Decimal("50")),
            row(**shared, meter="true-up", contracted_cost=Decimal("5")),
            used(contracted_cost=Decimal(0), price_id="provisioned"),
        ]
    )
    ptu = {
        "x_SkuMeterId": "ptu",
        "x_SkuMeterName": "Provisioned Managed Global Unit",
        "x_PricingBlockSize": "1",
        "x_PricingUnitDescription": "1 Hour",
    }
    month.invoice([exported(BilledCost="744", PricingQuantity="744", **ptu)])

    found = (await month.reconciled()).found
    assert [(each.sku.meter, each.cost) for each in found.variances if each.cost] == [("capacity", 24)]
    assert found.booked == 720


async def test_corrections_of_a_closed_period_count_for_it_and_its_own_do_not(month: Month) -> None:
    late = {"kind": "correction", "charge_date": "2026-03-20", "contracted_cost": Decimal("1.25")}
    month.publish_rows([used(), used(kind="correction", corrects_period="2026-02")], closed=True)
    month.publish_rows(
        [used(charge_date="2026-04-01"), used(corrects_period=PERIOD, quantity=Decimal(500_000), **late)], "2026-04"
    )
    month.publish_rows([used(corrects_period="2026-04", **late)], "2026-05")
    await month.close()
    month.invoice([exported(), exported(ChargePeriodStart="2026-03-20", PricingQuantity="500", BilledCost="1.25")])

    found = (await month.reconciled()).found
    assert (found.booked, found.variance) == (Decimal("3.75"), 0)


async def test_a_variance_above_the_tolerance_is_a_warning(month: Month, caplog: pytest.LogCaptureFixture) -> None:
    month.publish_rows([used()])
    month.invoice([exported(PricingQuantity="10000", BilledCost="25")])

    with caplog.at_level(logging.INFO, "chargeback"):
        done = await month.reconciled(absolute=Decimal(20))

    assert done.exceeded
    info, warning = caplog.records
    said, warned = (json.loads(record.getMessage()) for record in (info, warning))
    assert (said["event"], said["correlation_id"]) == ("reconciled", "2026-03")
    assert [said[name] for name in ("invoiced", "booked", "variance", "unexplained")] == ["25", "2.5", "22.5", "0"]
    assert warning.levelname == "WARNING"
    assert (warned.pop("event"), warned.pop("correlation_id")) == ("variance_exceeded", "2026-03")
    warned.pop("run_id")
    assert warned == {
        "period": "2026-03",
        "variance": "22.5",
        "invoiced": "25",
        "currency": "USD",
        "cause": "bypassed-gateway",
    }


async def test_what_is_not_billed_yet_raises_no_warning(month: Month, caplog: pytest.LogCaptureFixture) -> None:
    month.publish_rows([used(contracted_cost=Decimal(1000), quantity=Decimal(400_000_000))])
    month.invoice([], submitted="2026-03-15T06:00:00Z", end="2026-03-15T00:00:00Z")

    with caplog.at_level(logging.INFO, "chargeback"):
        done = await month.reconciled()

    assert causes(done) == {"not-billed-yet": "-1E+3"}
    assert [record.levelname for record in caplog.records] == ["INFO"]


async def test_a_period_that_was_never_published_says_what_to_run(month: Month) -> None:
    month.invoice([exported()])

    with pytest.raises(ChargebackError, match="2026-03 was never published: run `chargeback publish 2026-03` first"):
        await month.reconciled()


async def test_an_export_of_another_month_is_named_with_its_place(month: Month) -> None:
    month.publish_rows([used()])
    month.invoice([exported()], month="20260201-20260228", end="2026-02-28")

    with pytest.raises(InvoiceMissing, match=r"exports: has no FOCUS cost export of 2026-03"):
        await month.reconciled()


async def written(month: Month, done: Reconciled) -> tuple[list[dict[str, str]], dict[str, Any], dict[str, bytes]]:
    reports = MemoryReports()
    await write_reconciliation(done, Files(reports))
    table = reports.files["reconciliation/reconciliation-2026-03.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(table, newline=""), strict=True))
    return rows, json.loads(reports.files["reconciliation/reconciliation-2026-03.json"]), reports.files


async def test_the_report_adds_up_and_says_why(month: Month) -> None:
    # Books: 1 M at 2.50. Invoice: 1.4 M at 2.25 = 3.15, and 4.00 of a meter that nobody has reviewed.
    month.publish_rows([used()])
    month.invoice(
        [
            exported(PricingQuantity="1400", BilledCost="3.15"),
            exported(x_SkuMeterId="new", x_SkuMeterName="=cmd, gpt 9 Inp", BilledCost="4"),
        ]
    )

    rows, said, _ = await written(month, await month.reconciled())

    assert tuple(rows[0]) == RECONCILIATION_COLUMNS
    assert [(each["meter"], each["variance"]) for each in rows] == [("other meters", "4"), ("input_tokens", "0.65")]
    assert (rows[1]["price_difference"], rows[1]["bypassed_gateway"], rows[1]["unexplained"]) == ("-0.25", "0.9", "")
    assert rows[0]["provider_meters"] == "'=cmd, gpt 9 Inp (new)"
    assert (said["invoiced"], said["booked"], said["variance"]) == ("7.15", "2.5", "4.65")
    assert said["causes"]["unexplained"] == {"amount": "4", "parts": 1}
    assert said["unmappedMeters"] == {"=cmd, gpt 9 Inp (new)": "4"}
    assert said["resources"]["oai-eastus2-x1"] == {"invoiced": "7.15", "booked": "2.5", "variance": "4.65"}
    assert sum(Decimal(each["variance"]) for each in rows) == Decimal(said["variance"])


async def test_the_same_invoice_and_books_give_the_same_bytes(month: Month) -> None:
    month.publish_rows([used(), used(charge_date="2026-03-15", contracted_cost=Decimal(3))])
    month.invoice([exported(), exported(PricingQuantity="1", BilledCost="9")])

    _, _, first = await written(month, await month.reconciled())
    _, _, second = await written(month, await month.reconciled())

    assert first == second


async def test_what_makes_most_of_a_variance_is_kept_with_it_across_days(month: Month) -> None:
    month.publish_rows([used(), used(charge_date="2026-03-15")])
    late = {"ChargePeriodStart": "2026-03-15T00:00:00Z"}
    month.invoice(
        [
            exported(BilledCost="4"),
            exported(BilledCost="3.5", **late),
            exported(x_SkuMeterId=OUTPUT_METER, PricingQuantity="500", BilledCost="5"),
        ]
    )

    found = (await month.reconciled()).found

    by_use = found.overdue_by_use()
    assert [name.split(" at ")[0] for name in by_use] == [
        "gpt-4o GlobalStandard output_tokens",
        "gpt-4o GlobalStandard input_tokens",
    ]
    assert list(by_use.values()) == [Decimal(5), Decimal("2.5")]
    assert sum(by_use.values()) == found.overdue
