"""The database of a period with a few given rows, for tests of what is written from it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from chargeback.domain.budgets.budget import Budget
from chargeback.services.duck.row_types import row_types
from chargeback.services.publishing.period_tables import PeriodTables

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


def _quoted(types: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f'"{name}"', kind) for name, kind in types.items()]


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
    """A DuckDB file with just these rows."""
    database = folder / "period.duckdb"
    with duckdb.connect(database) as engine:
        for name, content in (("rows", rows), ("previous_rows", previous)):
            types = row_types(decimals)
            engine.execute(f"CREATE TABLE {name} ({', '.join(map(' '.join, _quoted(types)))})")
            for number, each in enumerate(content):
                known = {"charge_id": f"{number:032x}"} | each
                absent = {key: "" if kind == "VARCHAR" else None for key, kind in types.items()}
                engine.execute(
                    f"INSERT INTO {name} VALUES ({', '.join('?' * len(types))})", list((absent | known).values())
                )
    return PeriodTables(
        database=database,
        period=PERIOD,
        start=datetime(2026, 3, 1, tzinfo=UTC),
        end=datetime(2026, 4, 1, tzinfo=UTC),
        time_zone="UTC",
        currency="USD",
        decimals=decimals,
        is_closed=is_closed,
        previous="2026-02",
        centres=dict(centres or {"product": "Product", "product/search": "Search"}),
        budgets=budgets,
    )
