"""Compares a closed period with the books as they are now, and makes corrections of the differences."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.reports.rows import DIMENSIONS, ROW_COLUMNS, Reason
from chargeback.domain.time.days import BookDate
from chargeback.services.duck.engine import Row
from chargeback.services.duck.row_types import SQL_TYPES, row_types
from chargeback.services.duck.statements import column_list, paths
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.arrange import (
    UsageArranger,
    arrange_non_usage,
    create_row_views,
    create_tables,
    show_no_part,
)
from chargeback.services.publishing.closed_usage import sum_closed_usage
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import ClosedPeriod
from chargeback.services.publishing.period_parts import PeriodParts
from chargeback.services.publishing.published_slices import published_slices
from chargeback.services.publishing.row_slices import RowSlices
from chargeback.services.publishing.split_again import split_again
from chargeback.services.publishing.staging import BookedDays, stage
from chargeback.services.publishing.work_files import WorkFiles
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


async def find_corrections(
    engine: PeriodEngine,
    closed: ClosedPeriod,
    current: Catalogue,
    books: BookedDays,
    reports: Reports,
    progress: Progress,
) -> None:
    """Add to the rows what a closed period was billed too little or too much. Once billed, the difference is zero.

    `current` has priced what the catalogue of the closed period could not.
    """
    if not closed.dates and not closed.shared_costs:
        return
    folder = engine.folder / f"closed-{closed.period}"
    await asyncio.to_thread(folder.mkdir)
    kept = WorkFiles(folder, reports)
    try:
        with engine.with_same_limits(folder) as then:
            parts = PeriodParts(then, kept)
            await asyncio.to_thread(create_tables, then, (closed.catalogue, current))
            await _arrange(then, parts, closed, books, progress)
            billed = [await published_slices(each, folder) for each in (closed.billed, *closed.later)]
            found = await _compare(then, parts, closed, billed)
            shares: list[Row] = []
            if closed.shared_costs:
                await sum_closed_usage(then, closed.period, billed, found)
                shares = await asyncio.to_thread(split_again, then, closed)
    finally:
        await kept.clear()
    await asyncio.to_thread(then.database.unlink)
    await asyncio.to_thread(_add, engine, closed, found, shares)


def _add(engine: PeriodEngine, closed: ClosedPeriod, found: Sequence[Path], shares: Sequence[Row]) -> None:
    engine.run("successors")
    engine.insert("successors", sorted(closed.successors.items()))
    if found:
        engine.run("add corrections", {"files": paths(found)})
    for file in found:
        file.unlink()
    engine.insert("pending_rows", shares)


async def _arrange(
    engine: PeriodEngine, parts: PeriodParts, closed: ClosedPeriod, books: BookedDays, progress: Progress
) -> None:
    """Arrange the usage as the books have it now; nothing of it is printed, so no row is rounded."""
    arrange = UsageArranger(engine, parts, closed.period, closed.currency, closed.terms, shares=False)
    calendar = closed.catalogue.calendar
    await stage(engine, books, closed.days, closed.dates, calendar, arrange, progress)
    await asyncio.to_thread(arrange_non_usage, engine, closed.currency, arrange.rows)
    await asyncio.to_thread(engine.run, "cut nowhere")
    await asyncio.to_thread(create_row_views, engine, closed.currency)


async def _compare(
    engine: PeriodEngine, parts: PeriodParts, closed: ClosedPeriod, billed: Sequence[RowSlices]
) -> list[Path]:
    """The differences, a file for each date."""
    found = []
    async for dates in _shown(engine, parts, closed.dates):
        for date in dates:
            found.append(engine.folder / f"corrections-{date}.parquet")
            async with AsyncExitStack() as stack:
                files = [await stack.enter_async_context(rows.between(dates=(date, date))) for rows in billed]
                await asyncio.to_thread(_compare_date, engine, closed, date, files, found[-1])
    return found


async def _shown(
    engine: PeriodEngine, parts: PeriodParts, dates: Sequence[BookDate]
) -> AsyncIterator[Sequence[BookDate]]:
    """All these dates, some at a time, while the part with their usage is shown."""
    waiting = list(dates)
    async for _ in parts.each():
        ((last,),) = await asyncio.to_thread(engine.run, "last date")
        yield [date for date in waiting if date <= last]
        waiting = [date for date in waiting if date > last]
    await asyncio.to_thread(show_no_part, engine)
    yield waiting


def _compare_date(
    engine: PeriodEngine, closed: ClosedPeriod, date: BookDate, billed: Sequence[Sequence[Path]], into: Path
) -> None:
    types = row_types(engine.decimals)
    engine.show("billed_rows", types, billed[0])
    engine.show("corrected_rows", types, [file for files in billed for file in files])
    engine.run(
        "find corrections",
        _REASONS | {"period": closed.period, "date": date, "file": str(into)},
        described=column_list(_DESCRIBED),
        usage=column_list(_USAGE),
        amounts=column_list(_AMOUNTS),
        negated=", ".join(f"-{name} AS {name}" for name in _AMOUNTS),
        sums=", ".join(f"CAST(sum({name}) AS {SQL_TYPES[ROW_COLUMNS[name]]}) AS {name}" for name in _AMOUNTS),
        differ=" OR ".join(f"coalesce(sum({name}), 0) <> 0" for name in _AMOUNTS),
    )
