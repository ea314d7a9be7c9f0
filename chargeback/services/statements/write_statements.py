"""Writes a statement for each cost centre: a CSV with its own rows and a page that explains them.

Sums for all cost centres are made once; processes then draw some cost centres at a time, and what one has drawn is
uploaded while the next are drawn. Neither memory nor disk holds more than a few parts at once.
"""

import asyncio
import os
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from chargeback.domain.cost_centres.tree import below
from chargeback.domain.reports.centre_totals import CentreSums, totals_of_centres
from chargeback.domain.reports.layout import statement_path
from chargeback.domain.reports.manifest import csv_line
from chargeback.domain.reports.statement import STATEMENT_COLUMNS, DayRows, cut, listed
from chargeback.domain.time.months import Month
from chargeback.services.publishing.files import CSV, HTML, Files
from chargeback.services.publishing.period_tables import PeriodFrame, PeriodTables
from chargeback.services.running.progress import Progress
from chargeback.services.running.together import together
from chargeback.services.running.work_folder import work_folder
from chargeback.services.running.worker_processes import worker_pool
from chargeback.services.statements.draw_statements import CentreBatch, Drawn, draw_statements, is_large
from chargeback.services.statements.list_charges import STAGED_ROWS, list_charges
from chargeback.services.statements.read_figures import Covered, consecutive
from chargeback.services.statements.render_statement import StatementPeriod
from chargeback.services.statements.sum_statements import Sums, sum_statements

_PART_CENTRES = 200
_PART_ROWS = 100_000
"""Each part looks through the rows of all its bin, so that large ones look less often."""

_FETCHED_ROWS = 600_000
"""Cost centres with so many rows are drawn while all their rows are on disk."""

_SMALL_CENTRES = 24
_SMALL_ROWS = 100_000
_MOST_WORKERS = 2
_UPLOADS = 8
_READ_BYTES = 1024 * 1024
_LARGE_MEMORY_MB = 96
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
        sums = await sum_statements(tables, folder)
        drawing = _Drawing(tables, sums, folder, files, progress)
        covered = list(_covered(tables.frame, sums))
        with worker_pool(_workers(sums, covered) if workers is None else workers) as executor:
            try:
                for centres in consecutive(covered, _FETCHED_ROWS, len(covered)):
                    await drawing.draw(centres, executor)
            finally:
                executor.shutdown(wait=False, cancel_futures=True)
    # Uploads end in any order; the manifest lists the files in one.
    files.written[first:] = sorted(files.written[first:], key=lambda file: file.path)


def _workers(sums: Sums, centres: Sequence[Covered]) -> int:
    rows = sum(each.rows for each in sums.counts)
    is_small = len(centres) <= _SMALL_CENTRES and rows <= _SMALL_ROWS
    return 0 if is_small else min(_MOST_WORKERS, os.cpu_count() or 1)


def _covered(frame: PeriodFrame, sums: Sums) -> Iterator[Covered]:
    rows: dict[str, int] = defaultdict(int)
    for each in sums.counts:
        rows[each.centre] += each.rows
    by_path = totals_of_centres(
        CentreSums(rows, sums.costs, sums.previous, sums.unknown),
        frame.centres,
        frame.budgets,
        decimals=frame.decimals,
        currency=frame.currency,
    )
    for path, descendants in below(list(by_path)).items():
        shown = listed(descendants, _MOST_LISTED)
        yield Covered(by_path[path], tuple(by_path[each] for each in shown), len(descendants) - len(shown))


class _Drawing:
    """Draws the statements of cost centres in processes and uploads them."""

    def __init__(self, tables: PeriodTables, sums: Sums, folder: Path, files: Files, progress: Progress) -> None:
        self._tables = tables
        self._sums = sums
        self._folder = folder
        self._files = files
        self._progress = progress
        self._period = StatementPeriod(tables.frame, sums.last_day, sums.previous_currencies, sums.rates_before)
        self._counts: dict[str, list[DayRows]] = defaultdict(list)
        self._done = 0
        for each in sums.counts:
            self._counts[each.centre].append(each)

    async def draw(self, centres: Sequence[Covered], executor: Executor) -> None:
        """Draw some cost centres in parts, two ahead of the one that is uploaded."""
        large = [each for each in centres if is_large(each)]
        async with self._rows_of([each for each in centres if not is_large(each)]) as rows:
            waiting = deque(consecutive(centres, _PART_ROWS, _PART_CENTRES))
            drawing: deque[tuple[CentreBatch, asyncio.Future[list[Drawn]]]] = deque()
            while waiting or drawing:
                while waiting and len(drawing) <= _MOST_WORKERS:
                    part = self._part(waiting.popleft(), rows)
                    future = asyncio.get_running_loop().run_in_executor(executor, draw_statements, part)
                    drawing.append((part, future))
                part, future = drawing.popleft()
                drawn = await future
                await _upload(drawn, self._tables.frame.period, self._files)
                self._tell(sum(each.rows for each in drawn))
                await asyncio.to_thread(rmtree, part.folder)
        for each in large:
            path = statement_path(each.totals.path, self._tables.frame.period, "csv")
            await self._files.write(path, CSV, self._lines(each))

    @asynccontextmanager
    async def _rows_of(self, centres: Sequence[Covered]) -> AsyncIterator[list[Path]]:
        if not any(each.totals.rows for each in centres):
            yield []
            return
        between = centres[0].totals.path, centres[-1].totals.path
        async with self._tables.rows.between(centres=between) as files:
            yield files

    def _part(self, centres: Sequence[Covered], rows: Sequence[Path]) -> CentreBatch:
        days = [day for centre in centres for day in self._counts[centre.totals.path]]
        return CentreBatch(Path(mkdtemp(dir=self._folder)), self._period, self._sums.path, centres, days, rows)

    def _tell(self, rows: int) -> None:
        self._done += rows
        self._progress("writing statements", self._done)

    async def _lines(self, large: Covered) -> AsyncIterator[tuple[int, bytes]]:
        """The CSV of one large cost centre, some days at a time."""
        yield 0, csv_line(STATEMENT_COLUMNS)
        frame, path = self._tables.frame, large.totals.path
        with frame.open("chargeback.services.statements", memory_limit_mb=_LARGE_MEMORY_MB) as engine:
            for days in cut(self._counts[path], STAGED_ROWS):
                dates = days[0].date, days[-1].date
                async with self._tables.rows.between(dates=dates, centres=(path, path)) as files:
                    frame.show(engine, files)
                    pages = list_charges(engine, frame.period, days)
                    while page := await asyncio.to_thread(next, pages, None):
                        _, count, lines = page
                        yield count, lines
                        self._tell(count)


async def _upload(drawn: Sequence[Drawn], period: Month, files: Files) -> None:
    """Upload the files of a part, a few at a time."""
    waiting = deque(drawn)

    async def upload() -> None:
        while waiting:
            each = waiting.popleft()
            if each.csv is not None:
                await files.write(statement_path(each.path, period, "csv"), CSV, _pieces(each.csv, each.rows))
            await files.write(statement_path(each.path, period, "html"), HTML, _pieces(each.html, 0))

    await together(*(upload() for _ in range(_UPLOADS)))


async def _pieces(path: Path, rows: int) -> AsyncIterator[tuple[int, bytes]]:
    """A file piece by piece; its rows are told with the first."""
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _READ_BYTES):
            yield rows, piece
            rows = 0
