"""A period with a few given rows, for tests of what is written from it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.time.months import Month
from chargeback.services.duck.row_types import row_types
from chargeback.services.duck.statements import column_definitions
from chargeback.services.publishing.period_tables import PeriodFrame, PeriodTables
from chargeback.services.publishing.row_slices import RowSlice, RowSlices

PERIOD = "2026-03"
_DEFAULTS: dict[str, Any] = {
    "kind": "usage",
    "charge_date": "2026-03-14",
    "cost_centre": "product/search",
    "subscription_id": "search",
    "product_id": "standard",
    "operation": "chat.completions",
    "provider": "azure-openai",
    "model": "gpt-4o-2024-11-20",
    "deployment": "gpt-4o",
    "deployment_type": "GlobalStandard",
    "region": "eastus2",
    "service_tier": "default",
    "app_id": "11111111-0000-0000-0000-000000000001",
    "user": "ann@example.com",
    "backend": "oai-eastus2.openai.azure.com",
    "allocation_rule": "search",
    "meter": "input_tokens",
    "unit": "tokens",
    "quantity": Decimal(1_000_000),
    "state": "exact",
    "requests": 0,
    "price_id": "azure-openai/gpt-4o/any/GlobalStandard/default/input_tokens@2024-08-06T00Z",
    "price_unit": "1000000 tokens",
    "list_unit_price": Decimal("2.50"),
    "contracted_unit_price": Decimal("2.50"),
    "unit_price": Decimal("2.50"),
    "pricing_currency": "USD",
    "exchange_rate": Decimal(1),
    "currency": "USD",
    "cost": Decimal("2.50"),
    "exact_cost": Decimal("2.50"),
    "list_cost": Decimal("2.50"),
    "contracted_cost": Decimal("2.50"),
}


def row(**fields: Any) -> dict[str, Any]:
    """A row of the period; unnamed columns have a plain default. Without a cost of its own it is 2.50 USD."""
    return _DEFAULTS | fields


def write_rows(file: Path, rows: Sequence[Mapping[str, Any]], *, decimals: int = 6, first: int = 0) -> Path:
    """A Parquet file with just these rows; their numbers, from the first, are their charge ids."""
    types = row_types(decimals)
    with duckdb.connect() as engine:
        engine.execute(f"CREATE TABLE rows ({column_definitions(types)})")
        for number, each in enumerate(rows, first):
            known = {"charge_id": f"{number:032x}"} | each
            absent = {key: "" if kind == "VARCHAR" else None for key, kind in types.items()}
            engine.execute(f"INSERT INTO rows VALUES ({', '.join('?' * len(types))})", list((absent | known).values()))
        engine.execute(f"COPY rows TO '{file}' (FORMAT parquet)")
    return file


def local_slices(*files: Path) -> RowSlices:
    """Rows in files that are there, about which nothing is known."""

    @asynccontextmanager
    async def local(names: Sequence[str]) -> AsyncIterator[list[Path]]:
        yield [Path(name) for name in names]

    anything = ("", chr(0x10FFFF))
    return RowSlices([RowSlice(str(file), 1, anything, anything, is_usage=False) for file in files], local)


def framed(tables: PeriodTables, **fields: Any) -> PeriodTables:
    """The same rows with other facts about the period."""
    return replace(tables, frame=replace(tables.frame, **fields))


def period_tables(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    previous: Sequence[Mapping[str, Any]] = (),
    decimals: int = 6,
    is_closed: bool = False,
    centres: Mapping[str, str] | None = None,
    budgets: tuple[Budget, ...] = (),
) -> PeriodTables:
    """A period with just these rows, in two files."""
    half = len(rows) // 2
    files = [
        write_rows(folder / f"rows-{first}.parquet", some, decimals=decimals, first=first)
        for first, some in ((0, rows[:half]), (half, rows[half:]))
        if some
    ]
    frame = PeriodFrame(
        folder=folder,
        period=Month(PERIOD),
        start=datetime(2026, 3, 1, tzinfo=UTC),
        end=datetime(2026, 4, 1, tzinfo=UTC),
        time_zone="UTC",
        currency="USD",
        decimals=decimals,
        is_closed=is_closed,
        previous_period="2026-02",
        centres=dict(centres or {"product": "Product", "product/search": "Search"}),
        budgets=budgets,
    )
    before = [write_rows(folder / "previous.parquet", previous, decimals=decimals)] if previous else []
    return PeriodTables(frame, local_slices(*files), local_slices(*before))
