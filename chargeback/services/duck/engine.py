"""The database that a period is settled in: DuckDB on disk, so that memory does not grow with the month.

Amounts are DECIMAL(38, 18) throughout, never doubles: exact, or an error.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from chargeback.domain.errors import NoRoom
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.manifest import FORMULA, GUARD, LEADING
from chargeback.services.duck.disk import room_in

Row = tuple[Any, ...]


class Engine:
    """A connection with the statements of `*.sql` by name; `{words}` in them are filled in when they are run."""

    def __init__(self, folder: Path, *, decimals: int, memory_limit_mb: int, disk_limit_mb: int | None = None) -> None:
        self.folder = folder
        self.database = folder / "period.duckdb"
        self.decimals = decimals
        self.room = room_in(folder, disk_limit_mb)
        self._memory_limit_mb, self._disk_limit_mb = memory_limit_mb, disk_limit_mb
        self._connection = duckdb.connect(
            self.database,
            config={
                "memory_limit": f"{memory_limit_mb}MB",
                "temp_directory": str(folder / "spill"),
                "max_temp_directory_size": f"{max(1, self.room >> 20)}MiB",
                "threads": 2,
                "python_enable_replacements": False,
            },
        )
        self._connection.execute("SET enable_progress_bar = false")
        self._statements = _statements()
        self._words = {
            "decimals": str(decimals),
            "formula": quoted(FORMULA),
            "leading": quoted(LEADING),
            "guard": quoted(GUARD),
            "unit": f"CAST('{to_text(Decimal(1).scaleb(-decimals))}' AS DECIMAL(38, {decimals}))",
        }

    def run(self, name: str, values: Mapping[str, str | int] | None = None, /, **words: object) -> list[Row]:
        """The rows that a statement gives; of several, the last one's. `values` stand for `$names`, as literals.

        Raises `ValueError` with what a statement itself has to say of the data.
        """
        return _run(self._connection, self._text(name, values or {}, words))

    def run_apart(self, name: str, values: Mapping[str, str | int] | None = None, /, **words: object) -> None:
        """Like `run`, but several may run at once; temporary tables are not seen."""
        with self._connection.cursor() as cursor:
            _run(cursor, self._text(name, values or {}, words))

    def _text(self, name: str, values: Mapping[str, str | int], words: Mapping[str, object]) -> str:
        text = self._statements[name]
        for word, fragment in {**self._words, **words}.items():
            text = text.replace(f"{{{word}}}", str(fragment))
        for each, value in values.items():
            text = text.replace(f"${each}", quoted(value) if isinstance(value, str) else str(value))
        return text

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Add rows to a table; decimals are given as texts."""
        for start in range(0, len(rows), 1000):
            values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows[start : start + 1000])
            self._connection.execute(f"INSERT INTO {table} VALUES {values}")  # noqa: S608 values are literals

    def beside(self, folder: Path) -> "Engine":
        """Another one with the same limits."""
        return Engine(
            folder,
            decimals=self.decimals,
            memory_limit_mb=self._memory_limit_mb,
            disk_limit_mb=self._disk_limit_mb,
        )

    def size(self) -> int:
        """Bytes that its folder takes."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


@cache
def _statements() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in (files("chargeback.services.publishing")).iterdir():
        if file.name.endswith(".sql"):
            for part in file.read_text("utf-8").split("-- name: ")[1:]:
                name, _, body = part.partition("\n")
                assert name not in found, f"two statements are named {name}"
                found[name] = body
    return found


def _run(connection: duckdb.DuckDBPyConnection, text: str) -> list[Row]:
    try:
        return connection.execute(text).fetchall()
    except duckdb.OutOfMemoryException as error:
        raise NoRoom(f"neither memory nor temporary disk hold the period: {error}") from error
    except duckdb.InvalidInputException as error:
        raise ValueError(str(error).removeprefix("Invalid Input Error: ")) from error


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _literal(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    return quoted(value) if isinstance(value, str) else str(value)
