"""Prints the charges of cost centres as CSV lines, in memory that does not grow with the number of charges.

A sort needs memory for all that it sorts, so little is sorted at once: some whole cost centres, or some days of one;
a day with too many rows is cut into equal parts by charge id.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from chargeback.domain.reports.manifest import cell
from chargeback.domain.reports.rows import ROW_COLUMNS, ColumnType
from chargeback.domain.reports.statement import STATEMENT_COLUMNS, DayRows, cut
from chargeback.domain.time.months import Month
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import column_list, quoted
from chargeback.services.publishing.plain_rows import plain_test

STAGED_ROWS = 100_000
"""How many lines wait to be sorted."""

_SORTED_ROWS = 20_000
_FETCHED_ROWS = 4_000
_STRINGS = [index for index, column in enumerate(STATEMENT_COLUMNS) if ROW_COLUMNS.get(column) == ColumnType.STRING]
_ORDER = ("charge_date", "subscription_id", "model", "meter", "charge_id")

Lines = tuple[str, int, bytes]
"""A cost centre, how many lines, and the lines."""


def _printed(column: str, period: Month) -> str:
    if column == "billing_period":
        return quoted(period)
    if column != "cost" and ROW_COLUMNS[column] in (ColumnType.AMOUNT, ColumnType.PRICE):
        # All of them have decimals, so that the zeros of a whole number stay.
        return f"regexp_replace(\"{column}\"::VARCHAR, '\\.?0*$', '')"
    return f'"{column}"::VARCHAR'


def list_charges(engine: Engine, period: Month, counts: Sequence[DayRows]) -> Iterator[Lines]:
    """The lines of consecutive cost centres, sorted by cost centre and date; `engine` has the view `rows`."""
    printed = [_printed(column, period) for column in STATEMENT_COLUMNS]
    words = {
        "order": column_list(_ORDER),
        "cells": ", ".join(printed),
        "line": ", ',', ".join(printed),
        **plain_test(STATEMENT_COLUMNS[index] for index in _STRINGS),
    }
    for piece in cut(counts, STAGED_ROWS):
        condition, values = _piece_filter(piece)
        engine.run("stage printed rows", values, condition=condition, **words)
        for part in cut(piece, _SORTED_ROWS):
            yield from _sorted(engine, part)
    engine.run("drop printed rows")


def _sorted(engine: Engine, part: Sequence[DayRows]) -> Iterator[Lines]:
    condition, values = _piece_filter(part)
    # Only a single day can have more rows than may be sorted at once.
    for first, end in _ids(sum(each.rows for each in part)):
        bounds = values | {"id": first, "end": end}
        pages = engine.stream(
            "sorted printed rows", bounds, rows=_FETCHED_ROWS, condition=condition, order=column_list(_ORDER)
        )
        for rows in pages:
            for centre, group in groupby(rows, key=lambda row: str(row[0])):
                lines = [line or _line(cells) for _, line, cells in group]
                yield centre, len(lines), b"\r\n".join([*lines, b""])


def _line(cells: list[str | None]) -> bytes:
    texts = [each or "" for each in cells]
    for index in _STRINGS:
        texts[index] = cell(texts[index])
    return ",".join(texts).encode()


def _ids(rows: int) -> Iterator[tuple[str, str]]:
    """Bounds that divide charge ids, which are hexadecimal digits of a digest, into equal parts."""
    parts = -(-rows // _SORTED_ROWS)
    bounds = ["", *(f"{number * 16**8 // parts:08x}" for number in range(1, parts)), "\U0010ffff"]
    yield from pairwise(bounds)


def _piece_filter(piece: Sequence[DayRows]) -> tuple[str, dict[str, str]]:
    """The condition for a piece of `cut` and its parameters."""
    first, last = piece[0], piece[-1]
    values = {"first": first.centre, "last": last.centre}
    if first.centre != last.centre:
        return "cost_centre BETWEEN $first AND $last", values
    values |= {"from": first.date, "to": last.date}
    return "cost_centre BETWEEN $first AND $last AND charge_date BETWEEN $from AND $to", values
