"""Runs a query over sample rows on this machine, translated for DuckDB by the package duckdb-kql."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb
import duckdb_kql

from scripts.kql.queries import tables

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]

_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "dynamic": "JSON",
}


_ROWS_AT_ONCE = 100


class Workspace:
    """The documented tables with some rows in them."""

    def __init__(self, rows: Rows, extra: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """`extra`: columns that no page documents, by table."""
        self._connection: duckdb.DuckDBPyConnection = duckdb_kql.connect()
        for name, documented in tables().items():
            columns = {**documented, **(extra or {}).get(name, {})}
            described = ", ".join(f'"{column}" {_TYPES[kind]}' for column, kind in columns.items())
            self._connection.execute(f'CREATE TABLE "{name}" ({described})')
            for some in _batches(rows.get(name, ())):
                names = ", ".join(f'"{column}"' for column in some[0])
                places = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
                insert = f'INSERT INTO "{name}" ({names}) VALUES {places}'  # noqa: S608 names are those of tables.json
                self._connection.execute(insert, [_plain(value) for row in some for value in row.values()])

    def answer(self, query: str) -> list[dict[str, Any]]:
        """The rows that the query returns. Raises `duckdb_kql.KqlUnsupportedError` for what cannot be translated."""
        result = duckdb_kql.kql(self._connection, query)
        names = list(result.columns)
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows in their order, some with the same columns at a time: a statement for each row takes longer."""
    for _, same in groupby(rows, tuple):
        alike = list(same)
        for start in range(0, len(alike), _ROWS_AT_ONCE):
            yield alike[start : start + _ROWS_AT_ONCE]


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return json.dumps(value) if isinstance(value, dict | list) else value
