"""The invoice as it is read from an export: the same from every format, exact, and clear about what is wrong."""

import gzip
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.invoice.cost_exports import ExportRun
from chargeback.domain.invoice.reconciliation import Invoiced, InvoicedCost, ReconciliationRules, Sku
from chargeback.domain.price_list.provider_meters import ProviderMeters
from chargeback.services.reconciling.invoice import Invoice, read_invoice
from tests.support.cost_exports import (
    ACCOUNT,
    INPUT_METER,
    OUTPUT_METER,
    csv_bytes,
    exported,
    gzipped,
    parquet_bytes,
)

pytestmark = pytest.mark.anyio

INPUT = Sku("gpt-4o", "GlobalStandard", "default", "", "input_tokens")
METERS = {INPUT_METER: INPUT, OUTPUT_METER: INPUT._replace(meter="output_tokens")}


class Given:
    """Files in memory."""

    place = "memory"

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    async def runs(self, prefix: str) -> list[ExportRun]:
        return [ExportRun("run", "2026-03-01", "2026-03-31", None, tuple(self._files))]

    async def read(self, name: str) -> AsyncIterator[bytes]:
        data = self._files[name]
        for start in range(0, len(data), 1000):
            yield data[start : start + 1000]


async def invoice_of(files: Mapping[str, bytes], **options: Any) -> Invoice:
    given = Given(files)
    (run,) = await given.runs("")
    defaults: dict[str, Any] = {
        "rules": ReconciliationRules(),
        "meters": ProviderMeters(METERS, capacity=("provisioned", "hosting")),
        "accounts": {"oai-eastus2"},
        "currency": "USD",
    }
    return await read_invoice(given, run, "2026-03", **(defaults | options))


async def charges(*rows: Mapping[str, str], **options: Any) -> tuple[Invoiced, ...]:
    return (await invoice_of({"part.csv": csv_bytes(rows)}, **options)).charges


async def test_a_row_is_a_charge_of_its_day_account_and_meter() -> None:
    (charge,) = await charges(exported())

    assert charge == Invoiced(
        day="2026-03-14",
        resource="oai-eastus2-x1",
        meter_id=INPUT_METER,
        meter_name="gpt 4o 1120 Inp glbl Tokens",
        sku=INPUT,
        quantity=Decimal(1_000_000),
        cost=Decimal("2.5"),
    )


async def test_partitions_of_every_format_add_up(tmp_path: Path) -> None:
    rows = [exported(BilledCost="0.1"), exported(BilledCost="0.2", x_SkuMeterId=OUTPUT_METER.upper())]

    found = await invoice_of(
        {"a.csv": csv_bytes(rows), "b.csv.gz": gzipped(rows), "c.snappy.parquet": parquet_bytes(tmp_path, rows)}
    )

    assert {charge.meter_id: (charge.cost, charge.quantity) for charge in found.charges} == {
        INPUT_METER: (Decimal("0.3"), 3_000_000),
        OUTPUT_METER: (Decimal("0.6"), 3_000_000),
    }
    assert found.rows == 6


async def test_amounts_are_exact_also_with_an_exponent() -> None:
    # 0.1 + 0.2 + 0.000013 is 0.300013, which no sum of floats is.
    rows = [exported(BilledCost=cost) for cost in ("0.1", "0.2", "1.3E-05")]

    (charge,) = await charges(*rows)

    assert charge.cost == Decimal("0.300013")


async def test_only_the_month_and_our_accounts_count() -> None:
    other = ACCOUNT.replace("oai-eastus2-x1", "speech-westeurope")
    machine = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/oai-eastus2"
    found = await charges(
        exported(ChargePeriodStart="2026-02-28T23:00:00Z"),
        exported(ChargePeriodStart="2026-04-01T00:00:00Z"),
        exported(ResourceId=other, ServiceName="Azure AI services"),
        exported(ResourceId=machine, ServiceName="Virtual Machines"),
        exported(ResourceId=ACCOUNT.replace("oai-eastus2-x1", "oai-eastus20-x1"), ServiceName="Azure AI services"),
        exported(ChargePeriodStart="2026-03-31T00:00:00Z", BilledCost="7"),
    )

    assert [(charge.day, charge.cost) for charge in found] == [("2026-03-31", 7)]


async def test_an_account_that_the_map_lacks_counts_by_its_service() -> None:
    (charge,) = await charges(exported(ResourceId=ACCOUNT.replace("oai-eastus2-x1", "oai-forgotten")))

    assert charge.resource == "oai-forgotten"


async def test_a_scope_leaves_out_what_lies_elsewhere() -> None:
    staging = ACCOUNT.replace("rg-chargeback", "rg-staging")
    rules = ReconciliationRules(scope=(ACCOUNT.split("/providers")[0].upper() + "/",))

    found = await charges(exported(), exported(ResourceId=staging, BilledCost="9"), rules=rules)

    assert [charge.cost for charge in found] == [Decimal("2.5")]


@pytest.mark.parametrize(
    ("columns", "quantity"),
    [
        ({"x_PricingBlockSize": "1000000", "PricingQuantity": "1.5"}, "1500000"),
        ({"x_PricingBlockSize": "", "x_PricingUnitDescription": "1M", "PricingQuantity": "1.5"}, "1500000"),
        ({"x_PricingBlockSize": "", "x_PricingUnitDescription": "", "PricingUnit": "1000 Tokens"}, "1000000"),
    ],
)
async def test_quantities_come_in_units_of_our_meters(columns: dict[str, str], quantity: str) -> None:
    (charge,) = await charges(exported(**columns))

    assert charge.quantity == Decimal(quantity)


BY_THE_HOUR = {"x_PricingUnitDescription": "1/Hour", "PricingUnit": "Hours"}


async def test_a_unit_that_says_too_little_leaves_the_quantity_open() -> None:
    (charge,) = await charges(exported(x_PricingBlockSize="", x_PricingUnitDescription="", PricingUnit="Units"))

    assert charge.quantity is None
    assert charge.cost == Decimal("2.5")


async def test_hours_of_audio_are_seconds() -> None:
    audio = INPUT._replace(meter="audio_seconds")
    hours = {"x_PricingBlockSize": "1", "x_PricingUnitDescription": "1 Hour", "PricingQuantity": "0.25"}

    (charge,) = await charges(exported(**hours), meters=ProviderMeters({INPUT_METER: audio}))

    assert charge.quantity == 900
    assert not charge.is_capacity


@pytest.mark.parametrize(
    "columns",
    [
        {
            "x_PricingUnitDescription": "1/Hour",
            "PricingUnit": "Hours",
            "x_SkuMeterName": "Provisioned Managed Global Unit",
        },
        {"x_PricingUnitDescription": "1 Hour", "PricingUnit": "Hours", "x_SkuMeterName": "gpt 4o Hosting Unit"},
        {"ChargeCategory": "Purchase", "ResourceId": "/providers/Microsoft.Capacity/reservationOrders/1"},
    ],
)
async def test_what_is_paid_by_the_hour_or_in_advance_is_capacity(columns: dict[str, str]) -> None:
    (charge,) = await charges(exported(x_SkuMeterId="ptu", **columns))

    assert charge.is_capacity


@pytest.mark.parametrize(
    "name", ["gpt-realtime-whisper Gl Unit", "Speech-to-Text-Batch-Whisper-global", "o4 mini RFT Training"]
)
async def test_what_is_charged_by_the_hour_and_is_no_capacity_shows_as_unmapped(name: str) -> None:
    (charge,) = await charges(exported(x_SkuMeterId="unknown", **BY_THE_HOUR, x_SkuMeterName=name))

    assert (charge.is_capacity, charge.sku) == (False, None)


UPFRONT = {"ChargeCategory": "Purchase", "ChargeFrequency": "One-Time", "x_SkuMeterId": "reservation"}
RESERVED = {
    "x_SkuMeterName": "Provisioned Managed Global Unit",
    "x_SkuMeterId": "ptu",
    "x_PricingUnitDescription": "1 Hour",
    "PricingUnit": "Hours",
}


async def test_a_reservation_that_is_paid_at_once_costs_each_month_its_part() -> None:
    # A year for 240 000: January's invoice asks for all of it, and January's part is 20 000.
    rows = [
        exported(**UPFRONT, BilledCost="240000", EffectiveCost="0"),
        exported(**RESERVED, BilledCost="0", EffectiveCost="20000"),
    ]

    billed = await invoice_of({"a.csv": csv_bytes(rows, columns=[*rows[0]])})
    amortised = await invoice_of(
        {"a.csv": csv_bytes(rows, columns=[*rows[0]])}, rules=ReconciliationRules(cost=InvoicedCost.AMORTISED)
    )

    assert (sum(charge.cost for charge in billed.charges), billed.paid_ahead) == (240_000, 240_000)
    assert (sum(charge.cost for charge in amortised.charges), amortised.paid_ahead) == (20_000, 0)
    assert all(charge.is_capacity for charge in amortised.charges)


async def test_an_export_without_the_amortised_cost_is_refused_by_its_column() -> None:
    with pytest.raises(InvalidConfig, match=r"part\.csv: has no column EffectiveCost"):
        await charges(exported(), rules=ReconciliationRules(cost=InvoicedCost.AMORTISED))


async def test_the_columns_of_focus_1_2_and_any_case_and_order_are_read() -> None:
    row = {(name.lower() if name != "x_SkuMeterName" else "SkuMeter"): text for name, text in exported().items()}

    (charge,) = (await invoice_of({"p.csv": csv_bytes([row], columns=sorted(row))})).charges

    assert charge.meter_name == "gpt 4o 1120 Inp glbl Tokens"


async def test_a_missing_column_is_named_with_its_file() -> None:
    columns = [name for name in exported() if name not in ("x_SkuMeterId", "BilledCost")]

    with pytest.raises(InvalidConfig) as raised:
        await invoice_of({"good.csv": csv_bytes([exported()]), "bad.csv": csv_bytes([exported()], columns=columns)})

    assert raised.value.faults == [
        "bad.csv: has no column BilledCost; is it a FOCUS export?",
        "bad.csv: has no column x_SkuMeterId; is it a FOCUS export?",
    ]


async def test_a_truncated_file_is_named() -> None:
    whole = gzipped([exported() for _ in range(5000)])
    assert gzip.decompress(whole)

    with pytest.raises(InvalidConfig, match=r"part\.csv\.gz: cannot be read: .*GZIP"):
        await invoice_of({"part.csv.gz": whole[: len(whole) // 2]})


async def test_a_parquet_file_without_its_end_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"part\.parquet: cannot be read: "):
        await invoice_of({"part.parquet": parquet_bytes(tmp_path, [exported()])[:-20]})


async def test_a_value_that_is_not_a_number_is_named_with_file_line_and_column() -> None:
    rows = [exported(), exported(BilledCost="2,5"), exported(PricingQuantity="many")]

    with pytest.raises(InvalidConfig) as raised:
        await invoice_of({"good.csv": csv_bytes([exported()]), "bad.csv": csv_bytes(rows)})

    assert raised.value.faults == [
        "bad.csv: line 3, column BilledCost: '2,5' is not a number",
        "bad.csv: line 4, column PricingQuantity: 'many' is not a number",
    ]


async def test_an_empty_cost_or_day_is_no_zero() -> None:
    with pytest.raises(InvalidConfig, match="line 2, column BilledCost: is empty"):
        await charges(exported(BilledCost=""))
    with pytest.raises(InvalidConfig, match="line 2, column ChargePeriodStart: is empty or not readable"):
        await charges(exported(ChargePeriodStart="14/03/2026"))


async def test_an_invoice_in_another_currency_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="bills in EUR, the books of the period are in USD"):
        await charges(exported(BillingCurrency="EUR"))


async def test_another_currency_of_other_services_does_not_matter() -> None:
    found = await charges(exported(), exported(BillingCurrency="EUR", ResourceId="", ServiceName="Bandwidth"))

    assert len(found) == 1


async def test_a_file_with_a_header_alone_is_an_invoice_of_nothing() -> None:
    assert await charges() == ()


async def test_the_same_files_have_the_same_digest_and_others_another() -> None:
    one, same = [await invoice_of({"a.csv": csv_bytes([exported()])}) for _ in range(2)]
    other = await invoice_of({"a.csv": csv_bytes([exported(BilledCost="2.51")])})

    assert one.sha256 == same.sha256 != other.sha256


async def test_the_rows_that_were_used_are_kept_as_the_provider_wrote_them(tmp_path: Path) -> None:
    kept: dict[str, bytes] = {}

    async def keep(digest: str, file: Path) -> None:
        kept[digest] = file.read_bytes()

    columns = (*exported(), "InvoiceId")
    ours = exported(BilledCost="2.50000", InvoiceId="E0700ABC")
    rows = [ours, exported(InvoiceId="E0700ABC", ResourceId="/another/service", ServiceName="Storage")]
    found = [await invoice_of({"part.csv": csv_bytes(some, columns=columns)}, keep=keep) for some in (rows, rows[::-1])]

    assert [each.invoice_ids for each in found] == [("E0700ABC",)] * 2
    assert [*kept] == [each.sha256 for each in found]
    file = tmp_path / "kept.parquet"
    file.write_bytes(kept[found[0].sha256])
    assert duckdb.sql(f"SELECT BilledCost, InvoiceId FROM '{file}'").fetchall() == [("2.50000", "E0700ABC")]
