"""Compares a closed period with the books as they are now, and makes corrections of the differences."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from chargeback.domain.reports.rows import DIMENSIONS, ROW_COLUMNS, Reason
from chargeback.services.duck.engine import Row
from chargeback.services.duck.row_types import SQL_TYPES
from chargeback.services.duck.statements import column_list, paths, quoted
from chargeback.services.ports.books import Books
from chargeback.services.publishing.arrange import arrange_non_usage, arrange_usage, create_row_views, create_tables
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import ClosedPeriod, Stored
from chargeback.services.publishing.rounding import round_costs
from chargeback.services.publishing.split_again import split_again
from chargeback.services.publishing.staging import dates_filter, stage
from chargeback.services.running.progress import Progress

_AMOUNTS = ("quantity", "requests", "exact_cost", "list_cost", "contracted_cost")
_OWN = ("kind", "charge_id", "cost", "corrects_period", "corrects_charge_id", "shared_cost", "allocation_basis")
_DESCRIBED = tuple(
    name for name in ROW_COLUMNS if name not in (*_AMOUNTS, *_OWN, "allocated_ratio", "correction_reason")
)
_USAGE = tuple(
    name for name in DIMENSIONS if name not in ("cost_centre", "allocation_rule", "deployment_type", "region")
)
"""The columns that identify the same usage, whatever the rate card and the rules make of it."""

_REASONS = {
    "exchange_rate": Reason.EXCHANGE_RATE.value,
    "late": Reason.LATE.value,
    "recounted": Reason.RECOUNTED.value,
    "payer": Reason.PAYER.value,
    "rated_again": Reason.RATED_AGAIN.value,
}


async def find_corrections(engine: PeriodEngine, closed: ClosedPeriod, books: Books, progress: Progress) -> None:
    """Add to the rows what a closed period was billed too little or too much. Once billed, the difference is zero."""
    if not closed.dates and not closed.shared_costs:
        return
    folder = engine.folder / f"closed-{closed.period}"
    await asyncio.to_thread(folder.mkdir)
    then = engine.with_same_limits(folder)
    try:
        await asyncio.to_thread(create_tables, then)
        await stage(then, books, closed.days, dates_filter(closed.dates), progress)
        await asyncio.to_thread(_arrange, then, closed)
        billed = [await fetched(each, folder / f"billed-{n}.parquet") for n, each in enumerate(_files(closed))]
        found = await asyncio.to_thread(_compare, then, closed, billed)
        shares = await asyncio.to_thread(split_again, then, closed, billed, found)
    finally:
        then.close()
    await asyncio.to_thread(then.database.unlink)
    await asyncio.to_thread(_add, engine, closed, found, shares)


def _files(closed: ClosedPeriod) -> tuple[Stored, ...]:
    return (closed.billed, *closed.later)


def _add(engine: PeriodEngine, closed: ClosedPeriod, found: Sequence[Path], shares: Sequence[Row]) -> None:
    engine.run("successors")
    engine.insert("successors", sorted(closed.successors.items()))
    if found:
        engine.run("add corrections", {"files": paths(found)})
    engine.insert("pending_rows", shares)


def _arrange(engine: PeriodEngine, closed: ClosedPeriod) -> None:
    arrange_usage(engine, closed.period, closed.currency, closed.terms)
    arrange_non_usage(engine, closed.currency)
    round_costs(engine)
    create_row_views(engine, closed.currency)


def _compare(engine: PeriodEngine, closed: ClosedPeriod, billed: Sequence[Path]) -> list[Path]:
    """The differences, a file for each date."""
    found = []
    for date in closed.dates:
        found.append(engine.folder / f"corrections-{date}.parquet")
        values = {"billed": str(billed[0]), "later": paths(billed), "period": closed.period, "date": date}
        engine.run(
            "find corrections",
            values | _REASONS | {"file": str(found[-1])},
            described=column_list(_DESCRIBED),
            usage=column_list(_USAGE),
            amounts=column_list(_AMOUNTS),
            negated=", ".join(f"-{name} AS {name}" for name in _AMOUNTS),
            sums=", ".join(f"CAST(sum({name}) AS {SQL_TYPES[ROW_COLUMNS[name]]}) AS {name}" for name in _AMOUNTS),
            differ=" OR ".join(f"coalesce(sum({name}), 0) <> 0" for name in _AMOUNTS),
        )
    return found


async def create_previous_view(engine: PeriodEngine, previous: Stored | None) -> None:
    """Make the view of the rows of the period before; without them it is empty."""
    if previous is None:
        await asyncio.to_thread(engine.run, "no previous rows")
        return
    file = await fetched(previous, engine.folder / "previous.parquet")
    await asyncio.to_thread(_create_previous_view, engine, file)


def _create_previous_view(engine: PeriodEngine, file: Path) -> None:
    engine.run("previous rows", file=quoted(file), columns=column_list(ROW_COLUMNS))


async def fetched(stored: Stored, file: Path) -> Path:
    """A published file as a local one."""
    with file.open("wb") as local:
        async for piece in stored.reports.read(stored.path):
            local.write(piece)
    return file
