"""Runs the statements of one package by name on a DuckDB connection."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from chargeback.services.duck.connection import connect, translated_errors
from chargeback.services.duck.statements import column_list, fill, literal, quoted, statements_of

if TYPE_CHECKING:
    import duckdb

Row = tuple[Any, ...]
Values = Mapping[str, object]


class Engine:
    """A connection and the statements that run on it; see `statements` for `values` and `words`.

    Each method raises `NoRoom` where neither memory nor disk suffice, and `ValueError` with what is wrong with the
    data or the statement.
    """

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", statements: Mapping[str, str], words: Mapping[str, object]
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._words = words

    def run(self, name: str, values: Values | None = None, /, **words: object) -> list[Row]:
        """All rows that a statement gives; where several run together, those of the last."""
        with translated_errors():
            self._execute(name, values or {}, words)
            return self._connection.fetchall()

    def ask(self, name: str, values: Values | None = None, /, **words: object) -> list[dict[str, Any]]:
        """Like `run`, each row by the names of its columns."""
        with translated_errors():
            self._execute(name, values or {}, words)
            names = [column[0] for column in self._connection.description or ()]
            return [dict(zip(names, row, strict=True)) for row in self._connection.fetchall()]

    def stream(self, name: str, values: Values | None = None, /, *, rows: int, **words: object) -> Iterator[list[Row]]:
        """Like `run`, some rows at a time; nothing else may run on this connection until they are read."""
        with translated_errors():
            self._execute(name, values or {}, words)
        while True:
            with translated_errors():
                some = self._connection.fetchmany(rows)
            if not some:
                return
            yield some

    def run_apart(self, name: str, values: Values | None = None, /, **words: object) -> None:
        """Like `run`, on a connection of its own, so that several may run at once."""
        with self.apart() as other:
            other.run(name, values, **words)

    def apart(self) -> "Engine":
        """Another connection to the same database; it does not see temporary tables."""
        return Engine(self._connection.cursor(), self._statements, self._words)

    def speaking(self, package: str, words: Mapping[str, object] | None = None) -> "Engine":
        """Another connection to the same database, for the statements of another package."""
        return Engine(self._connection.cursor(), statements_of(package), words or {})

    def interrupt(self) -> None:
        """End what runs on this connection, from another thread; it raises `TimeoutError` there."""
        self._connection.interrupt()

    def insert(self, table: str, rows: Sequence[Sequence[str | int | Decimal | datetime | None]]) -> None:
        """Add rows to a table: as literals, since binding many values takes longer than parsing them."""
        for start in range(0, len(rows), 1000):
            lines = ", ".join(f"({', '.join(map(literal, row))})" for row in rows[start : start + 1000])
            with translated_errors():
                self._connection.execute(f"INSERT INTO {table} VALUES {lines}")  # noqa: S608 values are literals

    def show(self, view: str, types: Mapping[str, str], files: Sequence[Path]) -> None:
        """Make a temporary view of the rows of Parquet files; columns that a file of an older version lacks are null.

        Without files it is empty.
        """
        absent = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in types.items())
        listed = ", ".join(map(quoted, files))
        read = f"UNION ALL BY NAME FROM read_parquet([{listed}], union_by_name = true)" if files else ""
        with translated_errors():
            self._connection.execute(
                f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT {column_list(types)}"  # noqa: S608 names and paths of ours
                f" FROM (SELECT {absent} WHERE false {read})"
            )

    def close(self) -> None:
        """Close the connection, which lets go of the file when it was the last one."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _execute(self, name: str, values: Values, words: Mapping[str, object]) -> None:
        text = fill(self._statements[name], {**self._words, **words})
        for statement in self._connection.extract_statements(text):
            bound = {each: values[each] for each in statement.named_parameters}
            self._connection.execute(statement, bound or None)


def open_engine(
    package: str,
    database: Path | None = None,
    *,
    spill: Path,
    memory_limit_mb: int,
    words: Mapping[str, object] | None = None,
    threads: int = 2,
    is_read_only: bool = False,
    keeps_order: bool = True,
    spill_limit: int | None = None,
) -> Engine:
    """Open a database for the statements of a package; see `connect`. `words` are filled into each of them."""
    connection = connect(
        database,
        spill=spill,
        memory_limit_mb=memory_limit_mb,
        threads=threads,
        is_read_only=is_read_only,
        keeps_order=keeps_order,
        spill_limit=spill_limit,
    )
    return Engine(connection, statements_of(package), words or {})
