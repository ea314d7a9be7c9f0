"""Writes the sheets of lines, one after the other, each line once: nothing is kept in memory."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from textwrap import wrap
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from chargeback.services.publishing.period_tables import PeriodFrame
from chargeback.services.running.progress import Progress
from chargeback.services.workbook.columns import SheetColumn, Type
from chargeback.services.workbook.named_table import LABEL, TableColumn, name_table
from chargeback.services.workbook.paper import set_up
from chargeback.services.workbook.sheets import Sheet, SheetLine
from chargeback.services.workbook.styles import Styles

_OFTEN = 2_000
_LINE_HEIGHT = 15.0
_MAX_TEXT = 32_767
"""A cell takes no more characters."""

Write = Callable[[int, int, Any], object]


class SheetWriter:
    """Adds sheets to a workbook.

    Attributes:
        lines: written so far, without headers and totals.
    """

    def __init__(self, book: Workbook, frame: PeriodFrame, styles: Styles, progress: Progress) -> None:
        self.lines = 0
        self._book = book
        self._frame = frame
        self._styles = styles
        self._progress = progress

    def add(self, sheet: Sheet, lines: Iterator[SheetLine]) -> None:
        """One sheet: perhaps a note, the header, the lines, and the totals of what adds up."""
        page = self._book.add_worksheet(sheet.name)
        top = 1 if sheet.note else 0
        headers = [each.header.format(currency=self._frame.currency) for each in sheet.columns]
        self._prepare(page, sheet, headers, top)
        totals, last = self._fill(page, sheet.columns, lines, top + 1)
        columns = [
            TableColumn(header, totals.get(number), self._styles.total(each.kind))
            for number, (header, each) in enumerate(zip(headers, sheet.columns, strict=True))
        ]
        if last > top:
            name_table(page, sheet.name.replace(" ", ""), top, last, columns)
        else:
            _write_nothing(page, last + 1, columns)
        set_up(page, self._frame, lines=last)
        printed = max(number for number, each in enumerate(sheet.columns) if each.is_printed)
        page.print_area(0, 0, last + 1, printed)

    def _prepare(self, page: Worksheet, sheet: Sheet, headers: Sequence[str], top: int) -> None:
        for number, column in enumerate(sheet.columns):
            page.set_column(number, number, column.shown_width)
        page.repeat_rows(top)
        page.freeze_panes(top + 1, 1)
        if sheet.note:
            page.write_string(0, 0, sheet.note, self._styles.of(italic=True))
        page.set_row(top, _LINE_HEIGHT * _lines_of(headers, sheet.columns))
        for number, (header, column) in enumerate(zip(headers, sheet.columns, strict=True)):
            page.write_string(top, number, header, self._styles.header(column.kind))

    def _fill(
        self, page: Worksheet, columns: Sequence[SheetColumn], lines: Iterator[SheetLine], first: int
    ) -> tuple[dict[int, Decimal], int]:
        """Write the lines; gives the total of each column that adds up, and the last row."""
        totals = {number: Decimal(0) for number, each in enumerate(columns) if each.adds_up}
        writers = [self._writer(page, each) for each in columns]
        row = first - 1
        for row, line in enumerate(lines, first):
            for number, (value, write) in enumerate(zip(line, writers, strict=True)):
                if value is not None and value != "":
                    write(row, number, value)
            for number in totals:
                totals[number] += line[number] or 0
            self.lines += 1
            if self.lines % _OFTEN == 0:
                self._progress("writing the workbook", self.lines)
        return totals, row

    def _writer(self, page: Worksheet, column: SheetColumn) -> Write:
        """What writes the cells of a column: a string as a string, whatever it looks like."""
        if column.is_text:
            return partial(_write_text, page)
        style = self._styles.cells[column.kind]
        return partial(_write_date if column.kind is Type.DATE else _write_number, page, style)


def _lines_of(headers: Sequence[str], columns: Sequence[SheetColumn]) -> int:
    """How many lines the header that needs most of them takes, one of its words a line at worst."""
    return max(
        len(wrap(header, max(each.shown_width - 3, 1), break_long_words=False))
        for header, each in zip(headers, columns, strict=True)
    )


def _write_text(page: Worksheet, row: int, column: int, value: str) -> None:
    page.write_string(row, column, value[:_MAX_TEXT])


def _write_date(page: Worksheet, style: Format, row: int, column: int, value: str) -> None:
    page.write_datetime(row, column, datetime.fromisoformat(value), style)


def _write_number(page: Worksheet, style: Format, row: int, column: int, value: Decimal | int) -> None:
    page.write_number(row, column, float(value), style)


def _write_nothing(page: Worksheet, row: int, columns: Sequence[TableColumn]) -> None:
    """The totals of a sheet without lines, which is no table."""
    page.write_string(row, 0, LABEL, columns[0].style)
    for number, column in enumerate(columns):
        if column.total is not None:
            page.write_number(row, number, float(column.total), column.style)
