"""Publishes a period: builds its rows once and writes every file from them, the manifest last.

Costs are rounded here and only here: the grand total of a currency half to even, the cost centres to that total and
the rows to their centre by largest remainder, so that rows, summary and manifest agree to the last digit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from chargeback.domain.budgets.monthly import monthly_budgets
from chargeback.domain.errors import ChargebackError, InconsistentFile
from chargeback.domain.reports.manifest import Manifest, require_period
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.effective import Effective
from chargeback.services.duck.disk import require_room
from chargeback.services.ports.books import Books
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.arrange import arrange_non_usage, arrange_usage, create_row_views, create_tables
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.find_corrections import create_previous_view, fetched, find_corrections
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import PeriodInputs
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.publishing.rounding import round_costs
from chargeback.services.publishing.share_costs import share_costs
from chargeback.services.publishing.staging import period_filter, stage
from chargeback.services.publishing.write_chargeback import write_chargeback
from chargeback.services.publishing.write_charges import write_charges
from chargeback.services.publishing.write_manifest import Holdings, holdings, write_manifest
from chargeback.services.publishing.write_summary import write_summary
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.progress import Progress, ignore_progress
from chargeback.services.running.work_folder import work_folder

Writer = Callable[[PeriodTables, Files, Progress], Awaitable[None]]
"""Writes one kind of file from the rows of a period."""


async def publish(
    inputs: PeriodInputs,
    books: Books,
    reports: Reports,
    *,
    writers: Sequence[Writer] = (),
    memory_limit_mb: int = 160,
    disk_limit_mb: int | None = None,
    progress: Progress = ignore_progress,
    left_out: dict[str, str] | None = None,
) -> Manifest:
    """Write the files of a period; the manifest appears last.

    With `left_out`, a further file that cannot be made from these rows is named there with its reason, and the others
    are still published.

    Memory is bounded by `memory_limit_mb` plus what the interpreter needs; the rest waits in a temporary folder, which
    gets no larger than `disk_limit_mb` or what is free. Raises `InvalidConfig` for terms that cannot be, `Superseded`
    if the books changed while they were read, `NoRoom` where the period is too large for that.
    """
    require_period(inputs.period, inputs.decimals)
    files = Files(reports)
    with work_folder("publish") as folder:
        engine = PeriodEngine(
            Path(folder),
            decimals=inputs.decimals,
            memory_limit_mb=memory_limit_mb,
            disk_limit_mb=disk_limit_mb,
        )
        try:
            await _build_rows(engine, inputs, books, progress)
            held = await _write(engine, inputs, files, progress)
        finally:
            engine.close()
        await _write_further(writers, _period_tables(engine.database, inputs), files, progress, left_out)
    return await write_manifest(inputs, held, files)


async def _write_further(
    writers: Sequence[Writer],
    tables: PeriodTables,
    files: Files,
    progress: Progress,
    left_out: dict[str, str] | None,
) -> None:
    for write in writers:
        try:
            await write(tables, files, progress)
        except Exception as error:
            if left_out is None or (isinstance(error, ChargebackError) and not isinstance(error, InconsistentFile)):
                raise  # that is not about these rows
            left_out[_name(write)] = reason_of(error)


def _name(writer: Writer) -> str:
    """`write_focus` for the function, also where it is given with some of its arguments."""
    return str(getattr(getattr(writer, "func", writer), "__name__", writer))


async def _build_rows(engine: PeriodEngine, inputs: PeriodInputs, books: Books, progress: Progress) -> None:
    period, currency, terms = inputs.period, inputs.currency, inputs.terms
    await asyncio.to_thread(create_tables, engine)
    for closed in inputs.corrected:
        await find_corrections(engine, closed, books, progress)
    rows = await stage(engine, books, inputs.days, period_filter(period), progress)
    require_room(engine.size(), engine.room, rows)
    await asyncio.to_thread(arrange_usage, engine, period, currency, terms)
    past = {
        of: [await fetched(each, engine.folder / f"past-{of}-{n}.parquet") for n, each in enumerate(files)]
        for of, files in inputs.past.items()
    }
    await asyncio.to_thread(share_costs, engine, inputs, past)
    await asyncio.to_thread(arrange_non_usage, engine, currency)
    await asyncio.to_thread(round_costs, engine)
    await asyncio.to_thread(create_row_views, engine, currency)
    await create_previous_view(engine, inputs.previous)
    progress("settling", rows)


async def _write(engine: PeriodEngine, inputs: PeriodInputs, files: Files, progress: Progress) -> Holdings:
    await write_chargeback(engine, inputs.period, files, progress)
    await asyncio.to_thread(engine.run, "sums")
    await write_summary(engine, inputs.period, files)
    progress("summing", 0)
    await write_charges(engine, inputs.period, files, progress)
    return await asyncio.to_thread(holdings, engine, inputs.currency)


def _period_tables(database: Path, inputs: PeriodInputs) -> PeriodTables:
    period, calendar = inputs.period, inputs.catalogue.calendar
    start, end = calendar.bounds(period)
    return PeriodTables(
        database=database,
        period=period,
        start=start,
        end=end,
        time_zone=calendar.time_zone(period),
        currency=inputs.currency,
        decimals=inputs.decimals,
        is_closed=inputs.is_closed,
        previous=previous_period(period),
        centres={centre.path: centre.name for centre in inputs.catalogue.allocation.centres},
        budgets=monthly_budgets(inputs.terms.budgets, Effective(start, end)),
    )
