"""Loads rows into the tables of a recount from CSV files, which are quick to write and to read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import column_list

LINE_COLUMNS = {"line": "UUID", "text": "VARCHAR"}


def load_rows(engine: Engine, table: str, columns: Mapping[str, str], files: Sequence[str]) -> None:
    """Move the rows of CSV files into a table, of which they may have some columns alone."""
    # Most days have no row of most kinds, and a statement over empty files takes as long as one over many rows.
    filled = [file for file in files if Path(file).stat().st_size]
    if filled:
        engine.run_apart(
            "load rows", {"paths": filled, "columns": dict(columns)}, table=table, columns=column_list(columns)
        )
    for file in files:
        Path(file).unlink()
