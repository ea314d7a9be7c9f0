"""Writes a period as a FOCUS file for FinOps tools: `focus-{period}.csv`.

UTF-8, RFC 4180 with CRLF line ends, times in UTC, exact decimals. The rows are those of the chargeback file without
user, company, billing code and operation, and their BilledCost sums to the same total.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

from chargeback.domain.reports.focus import FOCUS_COLUMNS, ColumnKind
from chargeback.domain.reports.layout import focus_path
from chargeback.services.focus.focus_rows import FocusRows, focus_rows
from chargeback.services.publishing.files import CSV, Files
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.running.progress import Progress

_LINES = 4_000

_CELLS = {
    ColumnKind.TEXT: "{column}",
    ColumnKind.FREE_TEXT: "focus_cell(focus_tamed({column}))",
    ColumnKind.JSON: "focus_quoted(focus_json({column}))",
    ColumnKind.NUMBER: "focus_number({column})",
    ColumnKind.COUNT: "{column}::VARCHAR",
    ColumnKind.TIME: "strftime({column}, '%Y-%m-%dT%H:%M:%SZ')",
    ColumnKind.NOTHING: "''",
}


async def write_focus(tables: PeriodTables, files: Files, progress: Progress) -> None:
    """Write the file. Raises `InconsistentFile`, and publishes nothing, if a row breaks a rule of `check_focus`."""
    await files.write(focus_path(tables.period), CSV, _pieces(tables, progress))


async def _pieces(tables: PeriodTables, progress: Progress) -> AsyncIterator[tuple[int, bytes]]:
    yield 0, (",".join(FOCUS_COLUMNS) + "\r\n").encode()
    done = 0
    with focus_rows(tables) as rows:
        pieces = _lines(rows)
        while piece := await asyncio.to_thread(next, pieces, None):
            read, lines = piece
            done += read
            progress("writing FOCUS", done)
            yield len(lines), ("\r\n".join(lines) + "\r\n").encode()


def _lines(rows: FocusRows) -> Iterator[tuple[int, list[str]]]:
    """Some lines, with the number of rows of the period that were read for them."""
    cells = ", ',', ".join(_CELLS[kind].format(column=column) for column, kind in FOCUS_COLUMNS.items())
    for batch in rows.batches():
        read = batch.read
        for lines in rows.engine.stream("lines", rows=_LINES, cells=cells):
            yield read, [line for (line,) in lines]
            read = 0
