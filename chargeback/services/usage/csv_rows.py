"""Loads rows into the tables of a recount from CSV files, which are quick to write and to read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from chargeback.services.duck.engine import Engine

LINE_COLUMNS = {"line": "UUID", "text": "VARCHAR"}


def load_rows(engine: Engine, table: str, columns: Mapping[str, str], files: Sequence[str]) -> None:
    """Move the rows of CSV files into a table."""
    engine.run_apart("load rows", {"paths": list(files), "columns": dict(columns)}, table=table)
    for file in files:
        Path(file).unlink()
