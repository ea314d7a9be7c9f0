"""Makes an Excel table of lines that are written: people filter it, sort it and name it in their formulas.

XlsxWriter makes tables only where it keeps every cell in memory. Here it is told of the last line and of the totals,
which it still has; then the table is stretched over the lines before, which are in the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range
from xlsxwriter.worksheet import Worksheet

LABEL = "Total"

_STYLE = "Table Style Light 1"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table; `total` is None where it does not add up."""

    header: str
    total: Decimal | int | None = None
    style: Format | None = None


def name_table(page: Worksheet, name: str, top: int, last: int, columns: Sequence[TableColumn]) -> None:
    """Make a table of the lines from the header in row `top` to `last`; totals, if there are any, in the row below.

    There has to be a line, and its last one has to be the last that was written.
    """
    end = last + 1 if any(each.total is not None for each in columns) else last
    if end > last:
        page.write_string(end, 0, LABEL, columns[0].style)
    _add_small_table(page, name, last, end, columns)
    if end > last:
        _write_totals(page, name, end, columns)
    table = page.tables[-1]
    table["header_row_count"] = 1
    table["range"] = xl_range(top, 0, end, len(columns) - 1)
    table["a_range"] = table["autofilter"] = xl_range(top, 0, last, len(columns) - 1)
    if end > last:
        table["columns"][0]["total_string"] = LABEL


def _write_totals(page: Worksheet, name: str, row: int, columns: Sequence[TableColumn]) -> None:
    for number, column in enumerate(columns):
        if column.total is not None:
            page.write_formula(row, number, f"SUBTOTAL(109,{name}[{column.header}])", column.style, float(column.total))
        elif number:
            page.write_blank(row, number, None, column.style)


def _add_small_table(page: Worksheet, name: str, last: int, end: int, columns: Sequence[TableColumn]) -> None:
    options = {
        "name": name,
        "style": _STYLE,
        "header_row": False,
        "total_row": end > last,
        "columns": [
            {"header": each.header} | ({"total_function": "sum"} if each.total is not None else {}) for each in columns
        ],
    }
    kept, page.constant_memory = page.constant_memory, 0
    try:
        page.add_table(last, 0, end, len(columns) - 1, options)
    finally:
        page.constant_memory = kept
