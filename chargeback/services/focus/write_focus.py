"""Writes a period as FOCUS files for FinOps tools, one for each version of the format, with a description of each.

UTF-8, RFC 4180 with CRLF line ends, times in UTC, exact decimals. The rows are those of the chargeback file without
user, company, billing code and operation, and their BilledCost sums to the same total in each version.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from itertools import chain
from operator import itemgetter

from chargeback.domain.reports.focus_columns import (
    FOCUS_COLUMNS,
    ColumnKind,
    FocusVersion,
    focus_columns,
    focus_metadata,
)
from chargeback.domain.reports.layout import focus_metadata_path, focus_path, name_of
from chargeback.domain.reports.manifest import PublishedFile
from chargeback.services.focus.focus_rows import focus_rows
from chargeback.services.publishing.files import CSV, JSON, Files, whole
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.publishing.plain_rows import plain_test
from chargeback.services.running.progress import Progress
from chargeback.services.running.together import together

_LINES = 4_000
_WAITING = 2
"""Pieces of a file that wait while the other file is behind."""

_HAS_COMMAS = "ChargeDescription"
"""Most of these need quotes. One look at all other free texts of a row together tells whether any does."""

_CELLS = {
    ColumnKind.TEXT: "{column}",
    ColumnKind.FREE_TEXT: "focus_cell(focus_tamed({column}))",
    ColumnKind.JSON: "focus_quoted(focus_json({column}))",
    ColumnKind.COUNT: "{column}::VARCHAR",
    ColumnKind.TIME: "strftime({column}, '%Y-%m-%dT%H:%M:%SZ')",
    ColumnKind.NOTHING: "''",
}

_OFTEN_EQUAL = {
    "EffectiveCost": "BilledCost",
    "PricingCurrencyEffectiveCost": "BilledCost",
    "ListCost": "ContractedCost",
    "x_HostContractedCost": "ContractedCost",
    "x_BilledUnitPrice": "ContractedUnitPrice",
    "PricingCurrencyContractedUnitPrice": "ContractedUnitPrice",
    "x_HostContractedUnitPrice": "ContractedUnitPrice",
    "PricingCurrencyListUnitPrice": "ListUnitPrice",
    "x_HostListUnitPrice": "ListUnitPrice",
}
"""Numbers that another column often has, too: it takes less time to compare two than to print one."""

_PARTS = {FocusVersion.V1_2: itemgetter(0, 2), FocusVersion.V1_3: itemgetter(0, 1, 2)}
"""Which of the columns of the statement `lines` make a line of a version."""

_Pieces = dict[FocusVersion, "asyncio.Queue[tuple[int, bytes] | None]"]


async def write_focus(tables: PeriodTables, files: Files, progress: Progress) -> None:
    """Write a file of each version in one pass over the rows.

    Raises `InconsistentFile`, and publishes nothing, if a row breaks a rule of `check_focus`.
    """
    period = tables.frame.period
    pieces: _Pieces = {version: asyncio.Queue(_WAITING) for version in FocusVersion}
    first = len(files.written)
    making = asyncio.create_task(_make(tables, pieces, progress))
    writing = {
        version: asyncio.create_task(files.write(focus_path(period, version), CSV, _from(queue, making)))
        for version, queue in pieces.items()
    }
    await together(making, *writing.values())
    for version, task in writing.items():
        content = _metadata(version, tables.frame.issuer.name, period, task.result())
        await files.write(focus_metadata_path(period, version), JSON, whole(0, content))
    # The two files end in any order; the manifest lists them in one.
    files.written[first:] = sorted(files.written[first:], key=lambda file: file.path)


def _metadata(version: FocusVersion, issuer: str, period: str, file: PublishedFile) -> bytes:
    told = {"name": name_of(file.path), "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}
    return json.dumps(focus_metadata(version, issuer, period, told), indent=2).encode() + b"\n"


async def _from(
    queue: "asyncio.Queue[tuple[int, bytes] | None]", making: "asyncio.Task[None]"
) -> AsyncIterator[tuple[int, bytes]]:
    """The pieces of a file; where they cannot be made, the file is given up with the reason."""
    while (piece := await queue.get()) is not None:
        yield piece
    await making


async def _make(tables: PeriodTables, pieces: _Pieces, progress: Progress) -> None:
    try:
        await _make_pieces(tables, pieces, progress)
    except BaseException:
        for queue in pieces.values():
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)
        raise
    for queue in pieces.values():
        await queue.put(None)


async def _make_pieces(tables: PeriodTables, pieces: _Pieces, progress: Progress) -> None:
    for version, queue in pieces.items():
        await queue.put((0, (",".join(focus_columns(version)) + "\r\n").encode()))
    done = 0
    cells = _line_parts()
    async with focus_rows(tables) as rows, aclosing(rows.batches()) as batches:
        async for batch in batches:
            pages = batch.engine.stream("lines", rows=_LINES, **cells)
            while page := await asyncio.to_thread(next, pages, None):
                for version, queue in pieces.items():
                    await queue.put((len(page), b"".join(chain.from_iterable(map(_PARTS[version], page)))))
            done += batch.read
            progress("writing FOCUS", done)


def _line_parts() -> Mapping[str, str]:
    """SQL for the parts of a line: the columns of every version, those of the later one alone, and ours.

    What several cells need is found once for each row: digits, and whether any string asks for quotes or apostrophes.
    """
    first = focus_columns(FocusVersion.V1_2)
    numbers = [name for name, kind in FOCUS_COLUMNS.items() if kind is ColumnKind.NUMBER]
    strings = [name for name, kind in FOCUS_COLUMNS.items() if kind is ColumnKind.FREE_TEXT and name != _HAS_COMMAS]
    front = [name for name in first if not name.startswith("x_")]
    further = [name for name in FOCUS_COLUMNS if name not in first]
    own = [name for name in first if name.startswith("x_")]
    return {
        "front": _cells(front),
        "further": _cells(further, "','"),
        "own": _cells(own, "','"),
        "digits": ", ".join(f"{_digits(name)} AS {name}_digits" for name in numbers),
        **plain_test(strings),
    }


def _cells(columns: list[str], start: str = "''") -> str:
    return f"{start}, " + ", ',', ".join(map(_cell, columns))


def _digits(column: str) -> str:
    other = _OFTEN_EQUAL.get(column)
    return (
        f"CASE WHEN {column} = {other} THEN NULL ELSE focus_digits({column}) END"
        if other
        else f"focus_digits({column})"
    )


def _cell(column: str) -> str:
    kind = FOCUS_COLUMNS[column]
    if kind is ColumnKind.NUMBER:
        other = _OFTEN_EQUAL.get(column)
        own = f"focus_decimal({column}_digits)"
        return f"CASE WHEN {column} = {other} THEN focus_decimal({other}_digits) ELSE {own} END" if other else own
    cell = _CELLS[kind].format(column=column)
    if kind is ColumnKind.FREE_TEXT and column != _HAS_COMMAS:
        return f"CASE WHEN is_plain THEN {column} ELSE {cell} END"
    return cell
