"""Runs a query over sample rows on this machine, translated for DuckDB by the package duckdb-kql."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
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


class Workspace:
    """The documented tables with some rows in them."""

    def __init__(self, rows: Rows, extra: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """`extra`: columns that no page documents, by table."""
        self._connection: duckdb.DuckDBPyConnection = duckdb_kql.connect()
        for name, documented in tables().items():
            columns = {**documented, **(extra or {}).get(name, {})}
            described = ", ".join(f'"{column}" {_TYPES[kind]}' for column, kind in columns.items())
            self._connection.execute(f'CREATE TABLE "{name}" ({described})')
            for row in rows.get(name, ()):
                names = ", ".join(f'"{column}"' for column in row)
                places = ", ".join("?" * len(row))
                insert = f'INSERT INTO "{name}" ({names}) VALUES ({places})'  # noqa: S608 names are those of tables.json
                self._connection.execute(insert, [_plain(value) for value in row.values()])

    def answer(self, query: str) -> list[dict[str, Any]]:
        """The rows that the query returns. Raises `duckdb_kql.KqlUnsupportedError` for what cannot be translated."""
        result = duckdb_kql.kql(self._connection, query)
        names = list(result.columns)
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return json.dumps(value) if isinstance(value, dict | list) else value
