"""Writes a period as an Excel workbook for people who read and pivot: `chargeback-{period}.xlsx`.

Cells have types: dates are dates, amounts numbers, and whatever a caller chose is text, never a formula. Excel knows
only doubles, so amounts are exact to 15 digits here; the CSV files and the manifest have every digit. The same
rows give the same bytes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from xlsxwriter import Workbook

from chargeback.domain.reports.layout import workbook_path
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.files import WORKBOOK, Files
from chargeback.services.publishing.period_tables import PeriodFrame, PeriodTables
from chargeback.services.running.progress import Progress
from chargeback.services.running.work_folder import work_folder
from chargeback.services.workbook.grains import MAX_LINES, sheets
from chargeback.services.workbook.month_figures import centre_lines, centre_sheet, read_month
from chargeback.services.workbook.overview import write_overview
from chargeback.services.workbook.read_me import write_read_me
from chargeback.services.workbook.sheets import OTHER_CURRENCIES, Sheet, SheetLine
from chargeback.services.workbook.styles import Places, Styles
from chargeback.services.workbook.write_sheet import SheetWriter

_MEMORY_MB = 160
_FETCH = 2_000
_PIECE_BYTES = 1024 * 1024
_PREVIOUS = "previous_rows"
_FONT = {"font_name": "Arial", "font_size": 10}
"""Every program has it, or another one of the same widths."""


async def write_workbook(tables: PeriodTables, files: Files, progress: Progress) -> None:
    """Write the workbook."""
    await files.write(workbook_path(tables.frame.period), WORKBOOK, _pieces(tables, progress))


async def _pieces(tables: PeriodTables, progress: Progress) -> AsyncIterator[tuple[int, bytes]]:
    frame = tables.frame
    with (
        work_folder("workbook") as folder,
        frame.open("chargeback.services.workbook", memory_limit_mb=_MEMORY_MB) as engine,
    ):
        path = Path(folder) / "workbook.xlsx"
        await _sum_rows(engine, tables)
        lines = await asyncio.to_thread(_write, engine, frame, path, progress)
        with path.open("rb") as content:
            while piece := await asyncio.to_thread(content.read, _PIECE_BYTES):
                yield lines, piece
                lines = 0


async def _sum_rows(engine: Engine, tables: PeriodTables) -> None:
    """Sum up all rows, some at a time."""
    frame, currency = tables.frame, quoted(tables.frame.currency)
    frame.show(engine, [])
    frame.show(engine, [], view=_PREVIOUS)
    engine.run("sums of rows", currency=currency)
    engine.run("tables")
    async for files in tables.rows.each():
        frame.show(engine, files)
        await asyncio.to_thread(engine.run, "add rows", currency=currency)
    async for files in tables.previous.each():
        frame.show(engine, files, view=_PREVIOUS)
        await asyncio.to_thread(engine.run, "add previous rows")


def _write(engine: Engine, frame: PeriodFrame, path: Path, progress: Progress) -> int:
    """Write the workbook into a file; tells how many lines it has."""
    with _workbook(frame, path) as book:
        month, styles = read_month(engine, frame), Styles(book, frame, _places(engine))
        write_overview(book, month, styles)
        writer = SheetWriter(book, frame, styles, progress)
        writer.add(centre_sheet(month), centre_lines(month))
        for choices in sheets(frame):
            sheet = _fitting(engine, choices)
            writer.add(sheet, _lines(engine, sheet))
        if lines := engine.run(OTHER_CURRENCIES.statement):
            writer.add(OTHER_CURRENCIES, iter(lines))
        write_read_me(book, frame, styles)
        return writer.lines


def _places(engine: Engine) -> Places:
    ((price, rate, quantity),) = engine.run("places")
    return Places(price or 0, rate or 0, quantity or 0)


@contextmanager
def _workbook(frame: PeriodFrame, path: Path) -> Iterator[Workbook]:
    # The library notes the theme in the very dictionary that it gets: the next workbook would be of other bytes.
    options = {"constant_memory": True, "tmpdir": str(path.parent), "default_format_properties": dict(_FONT)}
    book = Workbook(str(path), options)
    title = f"Chargeback {frame.period}"
    book.set_properties({"title": title, "created": datetime.fromisoformat(f"{frame.period}-01")})
    yield book
    book.close()


def _fitting(engine: Engine, choices: tuple[Sheet, ...]) -> Sheet:
    """The finest sheet that has few enough lines."""
    for sheet in choices[:-1]:
        ((lines,),) = engine.run("size of grain", **sheet.words)
        if lines <= MAX_LINES:
            return sheet
    return choices[-1]


def _lines(engine: Engine, sheet: Sheet) -> Iterator[SheetLine]:
    for lines in engine.stream(sheet.statement, rows=_FETCH, **sheet.words):
        yield from lines
