"""Publishes a period: builds its rows once and writes every file from them, the manifest last.

Costs are rounded here and only here: the grand total of a currency half to even, the cost centres to that total and
the rows to their centre by largest remainder, so that rows, summary and manifest agree to the last digit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import repeat
from pathlib import Path

from chargeback.domain.budgets.monthly import monthly_budgets
from chargeback.domain.errors import ChargebackError, InconsistentFile, InvalidConfig
from chargeback.domain.reports.manifest import Manifest, require_period
from chargeback.domain.reports.standing import PeriodStanding
from chargeback.domain.terms.terms import ExchangeRate
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.effective import Effective
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.build_rows import build_rows
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import PeriodInputs
from chargeback.services.publishing.period_parts import PeriodParts
from chargeback.services.publishing.period_tables import PeriodFrame, PeriodTables
from chargeback.services.publishing.published_slices import published_slices
from chargeback.services.publishing.row_slices import RowSlices, no_rows
from chargeback.services.publishing.slices import BIN_ROWS
from chargeback.services.publishing.staging import BookedDays
from chargeback.services.publishing.work_files import WorkFiles
from chargeback.services.publishing.write_chargeback import write_chargeback
from chargeback.services.publishing.write_charges import write_charges
from chargeback.services.publishing.write_manifest import Holdings, holdings, write_manifest
from chargeback.services.publishing.write_summary import sum_centres, write_summary
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.progress import Progress, ignore_progress
from chargeback.services.running.together import together
from chargeback.services.running.work_folder import work_folder

DISK_MB = 400
"""Temporary disk that a publication takes at most; an instance has 800 MB for all that it runs."""

Writer = Callable[[PeriodTables, Files, Progress], Awaitable[None]]
"""Writes one kind of file from the rows of a period."""

Writers = Sequence[Writer | tuple[Writer, ...]]
"""One after the other; those of a tuple side by side, because none of them keeps two cores busy."""

Witness = Callable[[Files, Holdings], Awaitable[None]]
"""Writes down what the files were made from, when all of them but the manifest are there."""


async def publish(
    inputs: PeriodInputs,
    books: BookedDays,
    reports: Reports,
    *,
    writers: Writers = (),
    witness: Witness | None = None,
    memory_limit_mb: int = 224,
    disk_limit_mb: int = DISK_MB,
    progress: Progress = ignore_progress,
    left_out: dict[str, str] | None = None,
) -> Manifest:
    """Write the files of a period; the manifest appears last.

    With `left_out`, a further file that cannot be made from these rows is named there with its reason, and the others
    are still published.

    Memory is bounded by `memory_limit_mb` plus what the interpreter needs; the rest waits in a temporary folder of at
    most `disk_limit_mb`, and what has no room there in the reports. Raises `InvalidConfig` for terms that cannot be,
    `Superseded` if the books changed while they were read, `NoRoom` where a single date is too large for that.
    """
    require_period(inputs.period, inputs.decimals)
    files = Files(reports)
    with work_folder("publish") as name:
        folder = Path(name)
        kept = WorkFiles(folder, reports)
        try:
            engine = PeriodEngine(
                folder, decimals=inputs.decimals, memory_limit_mb=memory_limit_mb, disk_limit_mb=disk_limit_mb
            )
            with engine:
                parts = PeriodParts(engine, kept)
                await build_rows(engine, parts, inputs, books, reports, progress)
                rows, held = await _write(engine, parts, kept, inputs, files, progress)
            engine.database.unlink()
            tables = await _period_tables(folder, inputs, rows)
            await _write_further(writers, tables, files, progress, left_out)
        finally:
            await kept.clear()
    if witness is not None:
        await witness(files, held)
    return await write_manifest(inputs, held, files)


async def _write_further(
    writers: Writers,
    tables: PeriodTables,
    files: Files,
    progress: Progress,
    left_out: dict[str, str] | None,
) -> None:
    for each in writers:
        some = each if isinstance(each, tuple) else (each,)
        beside = [files.beside() for _ in some]
        # Each goes on to its end, even where another fails: threads of it may be at work in its folder.
        errors = await together(*map(_outcome, some, repeat(tables), beside, repeat(progress)))
        for write, own, error in zip(some, beside, errors, strict=True):
            files.written += own.written
            if error:
                if left_out is None or (isinstance(error, ChargebackError) and not isinstance(error, InconsistentFile)):
                    raise error  # that is not about these rows
                left_out[_name(write)] = reason_of(error)


async def _outcome(write: Writer, tables: PeriodTables, files: Files, progress: Progress) -> Exception | None:
    try:
        await write(tables, files, progress)
    except Exception as error:  # noqa: BLE001 given to the one that waits for all of them
        return error
    return None


def _name(writer: Writer) -> str:
    """`write_focus` for the function, also where it is given with some of its arguments."""
    return str(getattr(getattr(writer, "func", writer), "__name__", writer))


async def _write(
    engine: PeriodEngine, parts: PeriodParts, kept: WorkFiles, inputs: PeriodInputs, files: Files, progress: Progress
) -> tuple[RowSlices, Holdings]:
    await asyncio.to_thread(engine.run, "bins", {"rows": BIN_ROWS, "currency": inputs.currency})
    await asyncio.to_thread(engine.run, "tables of sums")
    await write_chargeback(engine, parts, inputs.period, files, progress)
    await asyncio.to_thread(engine.run, "sums")
    summary = await asyncio.to_thread(sum_centres, engine)
    await write_summary(summary, inputs.period, files)
    progress("summing", 0)
    rows = await write_charges(engine, parts, kept, inputs.period, files, progress)
    return rows, await asyncio.to_thread(holdings, engine, inputs.currency, summary)


async def _period_tables(folder: Path, inputs: PeriodInputs, rows: RowSlices) -> PeriodTables:
    period, calendar = inputs.period, inputs.catalogue.calendar
    start, end = calendar.bounds(period)
    budgets = monthly_budgets(inputs.terms.budgets, Effective(start, end))
    frame = PeriodFrame(
        folder=folder,
        period=period,
        start=start,
        end=end,
        time_zone=calendar.time_zone(period),
        currency=inputs.currency,
        decimals=inputs.decimals,
        is_closed=inputs.is_closed,
        previous_period=previous_period(period),
        centres={centre.path: centre.name for centre in inputs.catalogue.allocation.centres},
        budgets=budgets,
        budget_rates=_budget_rates(inputs, {budget.currency for budget in budgets}),
        standing=PeriodStanding(inputs.invoice, inputs.approved_by, tuple(inputs.deeds)),
        issuer=inputs.terms.issuer,
        posting=inputs.terms.posting,
        resources=_resources(inputs),
    )
    previous = await published_slices(inputs.previous, folder) if inputs.previous else no_rows()
    return PeriodTables(frame, rows, previous)


def _budget_rates(inputs: PeriodInputs, currencies: set[str]) -> dict[str, ExchangeRate]:
    """Currency → its rate into that of the books; where only the other way is known, the rate of that way."""
    found: dict[str, ExchangeRate] = {}
    for currency in currencies - {inputs.currency}:
        for pair in ((currency, inputs.currency), (inputs.currency, currency)):
            with suppress(InvalidConfig):
                found.setdefault(currency, inputs.terms.rate_for(inputs.period, *pair))
    return found


def _resources(inputs: PeriodInputs) -> dict[str, tuple[str, str]]:
    """Shared costs that pay for one deployment alone, with that deployment."""
    of_closed = [cost for closed in inputs.corrected for cost in closed.shared_costs]
    found: dict[str, tuple[str, str]] = {}
    for cost in (*of_closed, *inputs.terms.shared_costs):
        if len(cost.of.accounts) == 1 and len(cost.of.deployments) == 1:
            (account,), (deployment,) = cost.of.accounts, cost.of.deployments
            found[cost.cost_id] = (f"{account}/openai/deployments/{deployment}", deployment)
    return found
