"""Writes a period as an Excel workbook for people who read and pivot: `chargeback-{period}.xlsx`.

Cells have types: dates are dates, amounts numbers, and whatever a caller chose is text, never a formula. Excel knows
only doubles, so amounts are exact to 15 digits here; the CSV files and the manifest have every digit. The same
rows give the same bytes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from chargeback.domain.reports.layout import chargeback_path, manifest_path, name_of, workbook_path
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.files import WORKBOOK, Files
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.running.progress import Progress
from chargeback.services.running.work_folder import work_folder
from chargeback.services.workbook.grains import MAX_LINES, sheets
from chargeback.services.workbook.sheets import OTHER_CURRENCIES, WIDTHS, Sheet, SheetLine, Type
from chargeback.services.workbook.summary import NOT_ADDED_UP, READ_ME, SUMMARY, summary_lines

_MEMORY_MB = 160
_FETCH = 2_000
_PIECE_BYTES = 1024 * 1024
_MAX_TEXT = 32_767
"""A cell takes no more characters."""


async def write_workbook(tables: PeriodTables, files: Files, progress: Progress) -> None:
    """Write the workbook."""
    await files.write(workbook_path(tables.period), WORKBOOK, _pieces(tables, progress))


async def _pieces(tables: PeriodTables, progress: Progress) -> AsyncIterator[tuple[int, bytes]]:
    with work_folder("workbook") as folder:
        path = Path(folder) / "workbook.xlsx"
        lines = await asyncio.to_thread(_write, tables, path, progress)
        with path.open("rb") as content:
            while piece := await asyncio.to_thread(content.read, _PIECE_BYTES):
                yield lines, piece
                lines = 0


def _write(tables: PeriodTables, path: Path, progress: Progress) -> int:
    """Write the workbook into a file; tells how many lines it has."""
    currency = {"currency": tables.currency}
    with (
        tables.open("chargeback.services.workbook", memory_limit_mb=_MEMORY_MB) as engine,
        _workbook(tables, path) as book,
    ):
        engine.run("books' currency", currency=quoted(tables.currency))
        engine.run("month", currency)
        writer = _Writer(book, tables, progress)
        writer.add(SUMMARY, summary_lines(tables, _lines(engine, SUMMARY)))
        for choices in sheets(tables):
            sheet = _fitting(engine, choices)
            writer.add(sheet, _lines(engine, sheet))
        if lines := engine.run(OTHER_CURRENCIES.statement, currency):
            writer.add(OTHER_CURRENCIES, iter(lines))
        _read_me(book, tables)
        return writer.lines


@contextmanager
def _workbook(tables: PeriodTables, path: Path) -> Iterator[Workbook]:
    book = Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
    title = f"Chargeback {tables.period}"
    book.set_properties({"title": title, "created": datetime.fromisoformat(f"{tables.period}-01")})
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


class _Writer:
    """Adds sheets to a workbook, one after the other, each row once: nothing is kept in memory.

    Attributes:
        lines: written so far, without headers and totals.
    """

    def __init__(self, book: Workbook, tables: PeriodTables, progress: Progress) -> None:
        self.lines = 0
        self._book = book
        self._currency = tables.currency
        self._progress = progress
        money = "#,##0" + ("." + "0" * min(tables.decimals, 2) + "#" * (tables.decimals - 2)) * (tables.decimals > 0)
        shown = {
            Type.DATE: "yyyy-mm-dd",
            Type.MONEY: money,
            Type.PRICE: "#,##0.00##########",
            Type.COUNT: "#,##0",
            Type.RATIO: "0.00%",
        }
        self._formats = {kind: book.add_format({"num_format": code}) for kind, code in shown.items()}
        self._header = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._note = book.add_format({"italic": True})
        self._total = book.add_format({"bold": True, "top": 1})
        self._total_money = book.add_format({"bold": True, "top": 1, "num_format": money})

    def add(self, sheet: Sheet, lines: Iterator[SheetLine]) -> None:
        """One sheet: perhaps a note, the header, the lines, and the totals of its money."""
        page = self._book.add_worksheet(sheet.name)
        for column, (_, kind) in enumerate(sheet.columns):
            page.set_column(column, column, WIDTHS[kind])
        top = 1 if sheet.note else 0
        if sheet.note:
            page.write_string(0, 0, sheet.note, self._note)
        for column, (header, _) in enumerate(sheet.columns):
            page.write_string(top, column, header.format(currency=self._currency), self._header)
        page.freeze_panes(top + 1, 0)
        totals, last = self._fill(page, sheet, lines, top + 1)
        page.autofilter(top, 0, max(last, top), len(sheet.columns) - 1)
        if totals:
            page.write_string(last + 1, 0, "Total", self._total)
            for column, amount in totals.items():
                page.write_number(last + 1, column, float(amount), self._total_money)

    def _fill(
        self, page: Worksheet, sheet: Sheet, lines: Iterator[SheetLine], first: int
    ) -> tuple[dict[int, Decimal], int]:
        added = [
            column
            for column, (header, kind) in enumerate(sheet.columns)
            if kind is Type.MONEY and header not in NOT_ADDED_UP
        ]
        totals = dict.fromkeys(added, Decimal(0))
        row = first - 1
        for row, line in enumerate(lines, first):
            for column, (value, (_, kind)) in enumerate(zip(line, sheet.columns, strict=True)):
                _cell(page, row, column, value, self._formats.get(kind))
            for column in added:
                totals[column] += line[column] or 0
            self.lines += 1
            if self.lines % _FETCH == 0:
                self._progress("writing the workbook", self.lines)
        return totals, row


def _cell(page: Worksheet, row: int, column: int, value: Any, shown: Format | None) -> None:
    """Write a cell: a string as a string, whatever it looks like; an unknown value leaves the cell empty."""
    if value is None or value == "":
        return
    if not isinstance(value, str):
        page.write_number(row, column, float(value), shown)
    elif shown is not None:
        page.write_datetime(row, column, datetime.fromisoformat(value), shown)
    else:
        page.write_string(row, column, value[:_MAX_TEXT])


def _read_me(book: Workbook, tables: PeriodTables) -> None:
    page = book.add_worksheet("Read me")
    page.set_column(0, 0, 120)
    state = "closed: these figures do not change any more" if tables.is_closed else "open: these figures still change"
    named = {
        "period": tables.period,
        "state": state,
        "currency": tables.currency,
        "zone": tables.time_zone,
        "decimals": tables.decimals,
        "manifest": name_of(manifest_path(tables.period)),
        "every_row": name_of(chargeback_path(tables.period)),
    }
    for row, text in enumerate(READ_ME):
        page.write_string(row, 0, text.format(**named))
