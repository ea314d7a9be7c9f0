"""Writes a statement for each cost centre: a CSV with its own rows and a page that explains them.

Sums for all cost centres are made once; processes then draw some cost centres at a time, and what one has drawn is
uploaded while the next are drawn. Neither memory nor disk holds more than a few parts at once.
"""

import asyncio
import os
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from shutil import rmtree

from chargeback.domain.cost_centres.tree import UNALLOCATED, below, with_below
from chargeback.domain.money.exact import ZERO
from chargeback.domain.reports.figures import CentreTotals
from chargeback.domain.reports.layout import statement_path
from chargeback.domain.reports.statement import DayRows, covered, in_cents, listed
from chargeback.domain.time.months import Month
from chargeback.services.publishing.files import CSV, HTML, Files
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.running.progress import Progress
from chargeback.services.running.work_folder import work_folder
from chargeback.services.running.worker_processes import worker_pool
from chargeback.services.statements.draw_statements import CentreBatch, Drawn, draw_statements
from chargeback.services.statements.read_figures import Covered
from chargeback.services.statements.render_statement import StatementPeriod
from chargeback.services.statements.sum_statements import Sums, sum_statements

_PART_CENTRES = 100
_PART_ROWS = 600_000
_SMALL_CENTRES = 24
_SMALL_ROWS = 100_000
_MOST_WORKERS = 2
_UPLOADS = 8
_READ_BYTES = 1024 * 1024
_MOST_LISTED = 100


async def write_statements(
    tables: PeriodTables, files: Files, progress: Progress, *, workers: int | None = None
) -> None:
    """Write `statements/{cost centre}/statement-{period}.csv` and `.html` for every cost centre with anything to say.

    These have rows in the period or the one before, or a budget; those above them and the unallocated are included.
    `workers` are processes (0: none but this one); by default as many as the period is worth.
    """
    first = len(files.written)
    with work_folder("statements") as name:
        folder = Path(name)
        progress("summing statements", 0)
        sums = await asyncio.to_thread(sum_statements, tables, folder)
        parts = _parts(tables, sums, folder)
        with worker_pool(_workers(sums, parts) if workers is None else workers) as executor:
            try:
                await _draw(parts, executor, tables.period, files, progress)
            finally:
                executor.shutdown(wait=False, cancel_futures=True)
    # Uploads end in any order; the manifest lists the files in one.
    files.written[first:] = sorted(files.written[first:], key=lambda file: file.path)


def _workers(sums: Sums, parts: Sequence[CentreBatch]) -> int:
    centres, rows = sum(len(part.centres) for part in parts), sum(each.rows for each in sums.counts)
    is_small = centres <= _SMALL_CENTRES and rows <= _SMALL_ROWS
    return 0 if is_small else min(_MOST_WORKERS, os.cpu_count() or 1)


def _parts(tables: PeriodTables, sums: Sums, folder: Path) -> list[CentreBatch]:
    period = StatementPeriod(tables, sums.last_day, sums.previous_currencies)
    counts: dict[str, list[DayRows]] = defaultdict(list)
    for each in sums.counts:
        counts[each.centre].append(each)
    groups: list[list[Covered]] = []
    rows = 0
    for centre in _covered(tables, sums):
        rows += centre.totals.rows
        if not groups or rows > _PART_ROWS or len(groups[-1]) == _PART_CENTRES:
            groups.append([])
            rows = centre.totals.rows
        groups[-1].append(centre)
    return [
        CentreBatch(
            folder / f"part-{number}",
            period,
            sums.path,
            group,
            [day for centre in group for day in counts[centre.totals.path]],
        )
        for number, group in enumerate(groups)
    ]


def _covered(tables: PeriodTables, sums: Sums) -> Iterator[Covered]:
    budgets = {budget.scope.value: budget for budget in tables.budgets}
    rows: dict[str, int] = defaultdict(int)
    for each in sums.counts:
        rows[each.centre] += each.rows
    centres = covered([*rows, *sums.previous, *budgets])
    cents, cents_before = (in_cents(costs, tables.decimals) for costs in (sums.costs, sums.previous))
    costs, previous, unknown, headlines, headlines_before = (
        with_below(own, centres) for own in (sums.costs, sums.previous, sums.unknown, cents, cents_before)
    )
    by_path = {
        path: CentreTotals(
            path=path,
            name="Unallocated" if path == UNALLOCATED else tables.centres.get(path, path.rpartition("/")[2]),
            rows=rows[path],
            cost=sums.costs.get(path, ZERO),
            previous=sums.previous.get(path, ZERO),
            cost_with_below=costs[path],
            previous_with_below=previous[path],
            headline=cents.get(path, ZERO),
            headline_before=cents_before.get(path, ZERO),
            headline_with_below=headlines[path],
            headline_before_with_below=headlines_before[path],
            unknown=int(sums.unknown.get(path, 0)),
            unknown_with_below=int(unknown[path]),
            budget=budgets.get(path),
        )
        for path in centres
    }
    for path, descendants in below(centres).items():
        shown = listed(descendants, _MOST_LISTED)
        yield Covered(by_path[path], tuple(by_path[each] for each in shown), len(descendants) - len(shown))


async def _draw(
    parts: Sequence[CentreBatch], executor: Executor, period: Month, files: Files, progress: Progress
) -> None:
    """Draw the parts in order, two ahead of the one that is uploaded."""
    loop = asyncio.get_running_loop()
    waiting = deque(parts)
    drawing: deque[tuple[CentreBatch, asyncio.Future[list[Drawn]]]] = deque()
    done = 0
    while waiting or drawing:
        while waiting and len(drawing) <= _MOST_WORKERS:
            part = waiting.popleft()
            part.folder.mkdir()
            drawing.append((part, loop.run_in_executor(executor, draw_statements, part)))
        part, future = drawing.popleft()
        drawn = await future
        await _upload(drawn, period, files)
        done += sum(each.rows for each in drawn)
        await asyncio.to_thread(rmtree, part.folder)
        progress("writing statements", done)


async def _upload(drawn: Sequence[Drawn], period: Month, files: Files) -> None:
    """Upload the files of a part, a few at a time."""
    waiting = deque(drawn)

    async def upload() -> None:
        while waiting:
            each = waiting.popleft()
            await files.write(statement_path(each.path, period, "csv"), CSV, _pieces(each.csv, each.rows))
            await files.write(statement_path(each.path, period, "html"), HTML, _pieces(each.html, 0))

    uploads = [asyncio.ensure_future(upload()) for _ in range(_UPLOADS)]
    try:
        await asyncio.gather(*uploads)
    finally:
        for each in uploads:
            each.cancel()


async def _pieces(path: Path, rows: int) -> AsyncIterator[tuple[int, bytes]]:
    """A file piece by piece; its rows are told with the first."""
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _READ_BYTES):
            yield rows, piece
            rows = 0
