"""From calls to a chargeback that is the invoice: publish, reconcile, true up, publish again."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile

import duckdb
import pytest

from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.invoice.reconciliation import Cause
from chargeback.domain.terms.shared_costs import Basis, CostKind, Per, SharedCost
from chargeback.domain.terms.terms import Terms
from chargeback.domain.usage.meters import Meter
from chargeback.services.reconciling.true_up import remove_true_up, set_true_up
from tests.support.builders import DAY, tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.closing_product import ClosingProduct, published_for_real
from tests.support.cost_exports import INPUT_METER, OUTPUT_METER, exported
from tests.support.product_in_memory import in_memory
from tests.support.published_files import PERIOD
from tests.support.published_product import PublishedProduct, call, invoice
from tests.support.reconciled_months import reconciled

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 4, 6, tzinfo=UTC)
MARCH_END = datetime(2026, 3, 31, 23, tzinfo=UTC)
KEY = PriceKey("azure-openai", "gpt-4o", "", DeploymentType.GLOBAL_STANDARD, "default", "", "", Meter.INPUT)
METERS = {INPUT_METER: [KEY], OUTPUT_METER: [KEY._replace(meter=Meter.OUTPUT)]}
RULES = (
    Rule("search", {"subscription": "search"}, "product/search"),
    Rule("research", {"subscription": "research"}, "research"),
)
FEE = SharedCost("gateway", "Gateway", CostKind.FEE, Decimal(30), Per.MONTH, "USD", Basis.EVEN)
PTU = SharedCost("ptu", "Capacity", CostKind.PROVISIONED, Decimal(700), Per.MONTH, "USD", Basis.USAGE)
ON = {"ChargePeriodStart": f"{DAY}T00:00:00Z"}


def chargeback(published_product: PublishedProduct) -> list[dict[str, str]]:
    text = published_product.reports.files[f"{PERIOD}/chargeback-{PERIOD}.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def total(published_product: PublishedProduct) -> Decimal:
    """What the invoice should be: everything at contracted prices but the fees, which Azure does not bill."""
    return sum(
        (Decimal(row["contracted_cost"] or 0) for row in chargeback(published_product) if row["meter"] != "fee"),
        Decimal(0),
    )


@pytest.fixture
async def published_product() -> PublishedProduct:
    # 1 234 567 input tokens at 2.50 = 3.0864175 and 333 333 output tokens at 10 = 3.33333: 6.4197475, capacity 700.
    card = catalogue(dated(Meter.INPUT, (START, "2.5")), dated(Meter.OUTPUT, (START, "10")), rules=RULES)
    published_product = PublishedProduct(in_memory(card))
    published_product.in_memory.catalogues.settled_by = Terms(shared_costs=[FEE, PTU])
    await published_product.ingest(
        call(usage=tokens(1_000_000, 300_000)),
        call(usage=tokens(234_567, 33_333), subscriptionId="research"),
    )
    await published_product.publish()
    return published_product


def exports(folder: Path) -> Path:
    """The invoice: 2.25 for input, 100 000 output tokens that did not come through the gateway, 712.34 for capacity.

    1 234 567 * 2.25 = 2.77777575; 433 333 * 10 = 4.33333; 712.34: 719.45110575 in all.
    """
    hour = {"x_SkuMeterId": "ptu", "x_PricingBlockSize": "1", "x_PricingUnitDescription": "1 Hour"}
    hour["x_SkuMeterName"] = "Provisioned Managed Global Unit"
    return invoice(
        folder,
        [
            exported(**ON, PricingQuantity="1234.567", BilledCost="2.77777575"),
            exported(**ON, PricingQuantity="433.333", BilledCost="4.33333", x_SkuMeterId=OUTPUT_METER),
            exported(**ON, PricingQuantity="744", BilledCost="712.34", **hour),
        ],
    )


async def test_the_chargeback_is_the_invoice_to_the_cent_and_every_centre_sees_its_part(
    published_product: PublishedProduct, tmp_path: Path
) -> None:
    before = total(published_product)
    found = await published_product.reconcile(exports(tmp_path), METERS)

    done = await set_true_up(published_product.in_memory.control, found, by="dora", now=NOW)
    await published_product.publish()

    # 719.45110575 - 706.4197475 = 13.03135825, at 6 decimals 13.031358.
    assert before == Decimal("706.4197475")
    assert done.amount == "13.031358"
    assert total(published_product).quantize(Decimal("0.01")) == Decimal("719.45")
    assert abs(total(published_product) - Decimal("719.45110575")) < Decimal("0.000001")
    parts = [row for row in chargeback(published_product) if row["meter"] == "true-up"]
    assert {row["cost_centre"] for row in parts} == {"product/search", "research"}
    shares: dict[str, Decimal] = {}
    for row in parts:
        shares[row["shared_cost"]] = shares.get(row["shared_cost"], Decimal(0)) + Decimal(row["quantity"])
    sku = f"true-up-{PERIOD}:gpt-4o GlobalStandard"
    assert shares == {f"{sku} input_tokens": 1, f"{sku} output_tokens": 1, f"true-up-{PERIOD}:capacity ptu": 1}


async def test_the_variance_is_explained_in_parts_that_sum_to_it(
    published_product: PublishedProduct, tmp_path: Path
) -> None:
    found = (await published_product.reconcile(exports(tmp_path), METERS)).found

    assert {cause: amount for cause, (amount, _) in found.by_cause().items()} == {
        Cause.PRICE: Decimal("-0.30864175"),
        Cause.BYPASSED: Decimal(1),
        Cause.UNEXPLAINED: Decimal("12.34"),
    }
    assert found.variance == Decimal("13.03135825")


async def test_reconciling_again_after_the_true_up_finds_the_same_variance(
    published_product: PublishedProduct, tmp_path: Path
) -> None:
    first = await published_product.reconcile(exports(tmp_path), METERS)
    await set_true_up(published_product.in_memory.control, first, by="dora", now=NOW)
    await published_product.publish()

    second = await published_product.reconcile(exports(tmp_path), METERS)
    again = await set_true_up(published_product.in_memory.control, second, by="dora", now=NOW)

    assert second.found == first.found
    assert again.amount == "13.031358"


async def test_a_true_up_that_is_taken_back_leaves_the_files_as_they_were(
    published_product: PublishedProduct, tmp_path: Path
) -> None:
    before = dict(published_product.reports.files)
    found = await published_product.reconcile(exports(tmp_path), METERS)
    await set_true_up(published_product.in_memory.control, found, by="dora", now=NOW)
    await published_product.publish()
    between = dict(published_product.reports.files)

    await remove_true_up(published_product.in_memory.control, PERIOD, by="dora", now=NOW)
    await published_product.publish()

    name = f"{PERIOD}/chargeback-{PERIOD}.csv"
    assert between[name] != before[name] == published_product.reports.files[name]


async def test_the_true_up_is_explained_with_its_invoice(published_product: PublishedProduct, tmp_path: Path) -> None:
    found = await published_product.reconcile(exports(tmp_path), METERS)
    await set_true_up(published_product.in_memory.control, found, by="dora", now=NOW)
    await published_product.publish()

    centre = await published_product.explain("research")
    parts = [each["chargeId"] for each in centre["shared"] if each["kind"] == "true-up"]
    charges = [(await published_product.explain("research", charge_id=part))["charge"]["sharedCost"] for part in parts]

    assert sum(Decimal(charge["whole"]) for charge in charges) == Decimal("13.031358")
    assert all(found.invoice.sha256 in charge["source"] and charge["agrees"] for charge in charges)


async def test_a_month_closes_with_its_true_up_and_is_published_again_byte_for_byte() -> None:
    # One call of a million tokens is 2.50 in the books; the true-up of 0.75 makes it the invoice of 3.25.
    in_memory = published_for_real(ClosingProduct())
    await in_memory.ingest([call_of_march()], MARCH_END)
    await set_true_up(in_memory.control, reconciled("3.25", "2.5"), by="dora", now=MARCH_END)

    await in_memory.close(PERIOD, NOW)

    charges = duckdb_total(in_memory.closed.files[f"{PERIOD}/charges-{PERIOD}.parquet"])
    files = dict(in_memory.closed.files)
    await in_memory.close(PERIOD, NOW)
    assert charges == Decimal("3.25")
    assert in_memory.closed.files == files
    # One that is set afterwards, of 1.50, changes nothing there: the other 0.75 is a correction.
    await set_true_up(in_memory.control, reconciled("4", "2.5"), by="dora", now=NOW)
    await in_memory.publish_drafts(NOW)
    assert in_memory.closed.files == files
    assert duckdb_total(in_memory.reports.files["2026-04/charges-2026-04.parquet"]) == Decimal("0.75")


def call_of_march() -> bytes:
    return usage_event(time="2026-03-05T09:00:00Z", usage=tokens(1_000_000, 0))


def duckdb_total(parquet: bytes) -> Decimal:
    """What the rows cost at contracted prices."""
    with NamedTemporaryFile(suffix=".parquet") as file:
        file.write(parquet)
        file.flush()
        (total,) = duckdb.sql(f"SELECT sum(contracted_cost) FROM '{file.name}'").fetchall()[0]
    return Decimal(total)
