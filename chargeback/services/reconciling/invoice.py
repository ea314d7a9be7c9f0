"""Reads the provider's invoice of a month: the charges of one run of a cost export, by day, account and meter.

The partitions come to temporary files, and DuckDB reads them as text, so that no amount is ever a float that this
product made.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.invoice.cost_exports import ExportRun
from chargeback.domain.invoice.reconciliation import Invoiced, ReconciliationRules
from chargeback.domain.invoice.units import is_capacity, meter_quantity
from chargeback.domain.money.exact import ZERO, total
from chargeback.domain.price_list.provider_meters import ProviderMeters
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.statements import column_definitions, column_list
from chargeback.services.ports.reports import Invoices
from chargeback.services.running.work_folder import work_folder

REQUIRED = (
    "ChargePeriodStart",
    "ChargeCategory",
    "BillingCurrency",
    "PricingQuantity",
    "PricingUnit",
    "ResourceId",
    "ServiceName",
    "x_SkuMeterId",
)
OPTIONAL = (
    "ChargeFrequency",
    "x_SkuMeterName",
    "SkuMeter",
    "x_PricingBlockSize",
    "x_PricingUnitDescription",
    "x_BillingExchangeRate",
    "InvoiceId",
)
_NUMBERS = ("PricingQuantity", "x_PricingBlockSize", "x_BillingExchangeRate")
_MEMORY_MB = 256


@dataclass(frozen=True, slots=True)
class Invoice:
    """The charges of a month as a run of the export has them.

    Attributes:
        run: which one; its days are those of its content where nobody else says.
        charges: summed by day, account and meter.
        sha256: over the files of the run, in their order.
        rows: how many rows the files have, those of other services included.
        paid_ahead: the part of the cost that was paid at once for a longer time, such as a reservation of a year.
        invoice_ids: the `InvoiceId` of the charges; none before the provider has issued the invoice.
    """

    run: ExportRun
    charges: tuple[Invoiced, ...]
    sha256: str
    rows: int
    paid_ahead: Decimal = ZERO
    invoice_ids: tuple[str, ...] = ()


Keep = Callable[[str, Path], Awaitable[None]]
"""Takes the rows that were used, as a local Parquet file, with the SHA-256 of the export that they are from."""


async def read_invoice(
    invoices: Invoices,
    run: ExportRun,
    period: Month,
    *,
    rules: ReconciliationRules,
    meters: ProviderMeters,
    accounts: Collection[str],
    currency: str,
    keep: Keep | None = None,
) -> Invoice:
    """Read the charges of our accounts; raises `InvalidConfig` naming the file and column of what cannot be read.

    `meters`: the reviewed table. `accounts`: those of the deployment map, in lower case.
    """
    digest = sha256()
    cost = rules.cost.value
    with work_folder("invoice") as folder, _open(folder, cost) as engine:
        for name in run.files:
            local = Path(folder) / f"part{_suffix(name)}"
            with local.open("wb") as file:
                async for piece in invoices.read(name):
                    digest.update(piece)
                    await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(_load, engine, local, name, cost)
            local.unlink()
        given = {
            "period": period,
            "accounts": sorted(accounts),
            "services": [service.casefold() for service in rules.services],
            "scope": [start.casefold() for start in rules.scope],
        }
        await asyncio.to_thread(engine.run, "find ours", given)
        rows = await asyncio.to_thread(engine.run, "charges of the accounts")
        invoice_ids = tuple(str(invoice_id) for (invoice_id,) in engine.run("invoices"))
        ((counted, first, last),) = engine.run("size of the invoice")
        if keep is not None:
            used = Path(folder) / "used.parquet"
            named = {"file": str(used), "run": run.name, "sha256": digest.hexdigest()}
            columns = column_list((cost, *REQUIRED, *OPTIONAL))
            await asyncio.to_thread(engine.run, "write ours", named, columns=columns)
            await keep(digest.hexdigest(), used)
    _require_currency(rows, currency, run)
    if not run.first:
        run = replace(run, first=first or "", last=last or "")
    paid_ahead = total([row[-1] for row in rows if row[-3] and row[-1]])
    return Invoice(run, tuple(_charges(rows, meters)), digest.hexdigest(), counted, paid_ahead, invoice_ids)


def _open(folder: str, cost: str) -> Engine:
    engine = open_engine(
        "chargeback.services.reconciling",
        Path(folder, "invoice.duckdb"),
        spill=Path(folder, "spill"),
        memory_limit_mb=_MEMORY_MB,
        words={"cost": cost},
    )
    engine.run("table", columns=column_definitions(dict.fromkeys((cost, *REQUIRED, *OPTIONAL), "VARCHAR")))
    return engine


def _load(engine: Engine, local: Path, name: str, cost: str) -> None:
    """Add one partition. Columns may stand in any order and case; the optional ones may be absent."""
    format_of = "Parquet" if local.suffix == ".parquet" else "CSV"
    given = {"file": str(local)}
    try:
        described = engine.run(f"columns of {format_of}", given)
        there = {column.casefold(): column for column, *_ in described}
        missing = [column for column in (cost, *REQUIRED) if column.casefold() not in there]
        if missing:
            raise InvalidConfig([f"{name}: has no column {column}; is it a FOCUS export?" for column in missing])
        picked = ", ".join(
            f"nullif(trim(\"{there[column.casefold()]}\"::VARCHAR), '')" if column.casefold() in there else "NULL"
            for column in (cost, *REQUIRED, *OPTIONAL)
        )
        ((start, *_),) = engine.run("size of the invoice")
        engine.run(f"add {format_of}", given, columns=picked)
    except ValueError as error:
        raise InvalidConfig(
            [f"{name}: cannot be read: {str(error).splitlines()[0].replace(str(local), name)}"]
        ) from None
    _require_numbers(engine, start, name, cost)


def _require_numbers(engine: Engine, start: int, name: str, cost: str) -> None:
    faults = []
    for column in (cost, *_NUMBERS):
        bad = engine.run("first that is not a number", {"start": start}, column=column)
        faults += [f"{name}: line {line}, column {column}: {text!r} is not a number" for line, text in bad]
    for line, column in engine.run("first that is empty", {"start": start}):
        faults.append(f"{name}: line {line}, column {column}: is empty or not readable")
    if faults:
        raise InvalidConfig(faults)


def _require_currency(rows: list[tuple[Any, ...]], currency: str, run: ExportRun) -> None:
    others = sorted({str(row[8]) for row in rows} - {currency})
    if others:
        raise InvalidConfig([f"{run.name}: bills in {', '.join(others)}, the books of the period are in {currency}"])


def _charges(rows: list[tuple[Any, ...]], meters: ProviderMeters) -> Iterator[Invoiced]:
    for day, account, meter_id, name, description, unit, category, block, _, rate, _, quantity, cost in rows:
        sku = meters.skus.get(str(meter_id))
        units = (str(description), str(unit))
        yield Invoiced(
            day=UtcDay(str(day)),
            resource=str(account),
            meter_id=str(meter_id),
            meter_name=str(name),
            sku=sku,
            quantity=meter_quantity(_decimal(quantity), _decimal(block), units, sku.meter) if sku else None,
            cost=_decimal(cost) or ZERO,
            is_capacity=sku is None and is_capacity(str(category), units, str(name), meters.capacity),
            rate=_decimal(rate) or None,
        )


def _decimal(value: object) -> Decimal | None:
    assert value is None or isinstance(value, Decimal)
    return value


def _suffix(name: str) -> str:
    lower = name.casefold()
    return next((suffix for suffix in (".csv.gz", ".parquet", ".csv") if lower.endswith(suffix)), ".csv")
