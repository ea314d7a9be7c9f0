"""Rows on their way into the engine of the recount: CSV files, which are quick to write and to read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

LINE_COLUMNS = {"line": "UUID", "text": "VARCHAR"}

_CSV = "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n'"


def load_rows(engine: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], paths: Sequence[str]) -> None:
    """Move the rows of CSV files into a table."""
    engine.cursor().execute(
        f"INSERT INTO {table} FROM read_csv($paths, columns = $columns, {_CSV})",
        {"paths": list(paths), "columns": dict(columns)},
    )
    for path in paths:
        Path(path).unlink()
