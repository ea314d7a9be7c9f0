"""Sums the rows of a period for all statements at once, some rows at a time.

The sums are small tables in a database of their own, where each worker finds its cost centres without reading the rows.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp

from chargeback.domain.reports.statement import DayRows
from chargeback.domain.terms.shared_costs import IDLE
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.period_tables import PeriodFrame, PeriodTables

MOST_MEMBERS = 10
"""Models, applications and users with a bar of their own."""

MOST_PRICES = 6
"""Prices of a cost centre that its page lists one by one."""

MOST_CORRECTIONS = 40
"""Corrections of a cost centre that its page lists one by one."""

_PREVIOUS = "previous_rows"
_MOST_PAIRS = 400
"""At most this many pairs of application and model are compared in a cost centre; more would not change the movers."""

_COST = "sum(cost)::DECIMAL(38, {decimals}) AS cost"
_CALLS = "sum(requests)::BIGINT AS requests, sum(unknown)::BIGINT AS unknown"
_SUMMED = {
    "counts": "cost_centre, charge_date, sum(rows)::BIGINT AS rows",
    "days": f"cost_centre, charge_date, kind, model, {_COST}, {_CALLS}",
    "used": "cost_centre, later, kind, application, model, deployment_type, region, service_tier, variant, meter, unit,"
    " shared_cost, corrects_period, rate, sum(quantity) AS quantity, sum(exact_cost) AS exact_cost,"
    f" {_COST}, {_CALLS}",
    "people": f"cost_centre, kind, label, {_COST}, {_CALLS}",
    "open_usage": f"cost_centre, state, model, deployment, meter, unit, sum(quantity) AS quantity, {_COST}",
    "shared": "cost_centre, later, shared_cost, meter, allocation_basis, measure, origin_unit_price, origin_quantity,"
    " origin_unit, pricing_currency, sum(ratio) AS ratio, sum(own_use) AS own_use, max(use_of_all) AS use_of_all,"
    f" {_COST}",
    "priced_use": "cost_centre, model, deployment_type, service_tier, variant, meter, unit, price_unit,"
    " pricing_currency, list_unit_price, contracted_unit_price, unit_price, sum(quantity) AS quantity,"
    f" {_COST}",
    "chain": "cost_centre, kind, sum(listed) AS listed, sum(contracted) AS contracted, sum(charged) AS charged,"
    f" {_COST}",
    "corrected": f"cost_centre, corrects_period, correction_reason, currency, {_COST}, sum(rows)::BIGINT AS rows",
    "rates": "cost_centre, pricing_currency, exchange_rate, exchange_rate_date, exchange_rate_source",
}
"""Tables of sums, with their columns: what rows add is summed to what is there."""

_SUMMED_BEFORE = {
    "used": _SUMMED["used"],
    "shared": _SUMMED["shared"],
    "previous": "currency, cost_centre, sum(cost) AS cost",
    "rates_before": "pricing_currency, exchange_rate",
}
"""The tables that the rows of the period before add to."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Where the sums are, with the figures of all cost centres together.

    Attributes:
        path: the DuckDB file with the tables of `sum_statements.sql`.
        counts: rows by cost centre and day, ascending.
        costs: printed cost by cost centre, in the books' currency.
        unknown: rows whose cost is not known yet, by cost centre.
        previous: printed cost of the period before by cost centre; in the books' currency.
        previous_currencies: those that the period before was kept in; empty where it was never published.
        rates_before: currency → the exchange rate of the period before.
        last_day: the last day with usage; empty without any.
    """

    path: Path
    counts: list[DayRows]
    costs: dict[str, Decimal]
    unknown: dict[str, Decimal]
    previous: dict[str, Decimal]
    previous_currencies: tuple[str, ...]
    rates_before: dict[str, Decimal]
    last_day: str


async def sum_statements(tables: PeriodTables, folder: Path, *, memory_limit_mb: int = 128) -> Sums:
    """Sum the rows for all statements into a file in `folder`."""
    path = folder / "sums.duckdb"
    frame = tables.frame
    words = {"decimals": frame.decimals, "currency": quoted(frame.currency)}
    with open_engine(
        "chargeback.services.statements",
        path,
        spill=Path(mkdtemp(dir=folder)),
        memory_limit_mb=memory_limit_mb,
        words=words,
    ) as engine:
        await asyncio.to_thread(_prepare, engine, frame)
        async for files in tables.rows.each():
            await asyncio.to_thread(_add, engine, frame, files)
        async for files in tables.previous.each():
            await asyncio.to_thread(_add_previous, engine, frame, files)
        await asyncio.to_thread(_derive, engine)
        return _read_sums(engine, path, frame.currency)


def _prepare(engine: Engine, frame: PeriodFrame) -> None:
    frame.show(engine, [])
    frame.show(engine, [], view=_PREVIOUS)
    engine.run("sums of rows")
    for table in (*_SUMMED, "previous", "rates_before", "corrections"):
        engine.run("table of sums", table=table)


def _add(engine: Engine, frame: PeriodFrame, files: Sequence[Path]) -> None:
    frame.show(engine, files)
    for table, sums in _SUMMED.items():
        engine.run("add rows", table=table, sums=sums.format(decimals=frame.decimals))
    engine.run("add corrections", {"most_corrections": MOST_CORRECTIONS})


def _add_previous(engine: Engine, frame: PeriodFrame, files: Sequence[Path]) -> None:
    frame.show(engine, [])
    frame.show(engine, files, view=_PREVIOUS)
    for table, sums in _SUMMED_BEFORE.items():
        engine.run("add rows", table=table, sums=sums.format(decimals=frame.decimals))


def _derive(engine: Engine) -> None:
    """Make the tables that are made of other sums."""
    engine.run("items", {"most_pairs": _MOST_PAIRS})
    engine.run("shares", {"most_members": MOST_MEMBERS})
    engine.run("shared parts", {"idle": IDLE})
    engine.run("largest prices", {"most_prices": MOST_PRICES})


def _read_sums(engine: Engine, path: Path, currency: str) -> Sums:
    previous = engine.run("costs of the period before")
    last_days: dict[str, str] = dict(engine.run("last days"))
    return Sums(
        path,
        counts=[DayRows(*row) for row in engine.run("counts of centres")],
        costs=dict(engine.run("costs of centres")),
        unknown=dict(engine.run("unknown costs of centres")),
        previous={centre: cost for known, centre, cost in previous if known == currency},
        previous_currencies=tuple(sorted({known for known, _, _ in previous})),
        rates_before=dict(engine.run("exchange rates of the period before")),
        last_day=last_days.get("usage", ""),
    )
