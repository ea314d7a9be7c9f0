"""Watches the databases of publishing: who makes each table, with which columns, and which statements read it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files

import pytest

from chargeback.services.duck.engine import Engine, Row, Values
from chargeback.services.duck.statements import fill, statements_of

PACKAGES = ("publishing", "focus", "workbook", "statements")
_COMMENT = re.compile(r"--.*")
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(?:sums\.)?(\w+)")
_NAMED_QUERY = re.compile(r"(\w+) AS \(\s*SELECT")
_RELATIONS = """
SELECT
    database_name, table_name, list(column_name ORDER BY column_index),
    concat(if(database_name = 'temp', 'Temporary ', ''), if(any_value(view_name) IS NULL, 'table', 'view'))
FROM duckdb_columns() LEFT JOIN (SELECT view_name FROM duckdb_views() WHERE NOT internal) ON view_name = table_name
WHERE NOT internal
GROUP BY database_name, table_name
"""


@dataclass
class Relation:
    """A table or view: its columns when it was made, and the statements that make it, each with its file."""

    kind: str
    columns: list[str]
    makers: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Watched:
    """What was seen.

    Attributes:
        relations: tables and views by the package that makes them and their names.
        reads: the package and the name of a statement → the names that it reads from.
    """

    relations: dict[tuple[str, str], Relation] = field(default_factory=dict)
    reads: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def readers(self, package: str, relation: str) -> set[str]:
        """The statements that read a table or view; those of another package as `package/statement`."""
        return {
            name if reader == package else f"{reader}/{name}"
            for (reader, name), found in self.reads.items()
            if relation in found
            and (reader == package or (package == "publishing" and (reader, relation) not in self.relations))
        }


@contextmanager
def watched_engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Watch every statement of publishing that runs meanwhile in this process."""
    watched = Watched()
    run, execute = Engine.run, Engine._execute

    def watching_run(
        engine: Engine, name: str, values: Mapping[str, object] | None = None, /, **words: object
    ) -> list[Row]:
        if "CREATE" not in engine._statements[name] or _package_of(engine) is None:
            return run(engine, name, values, **words)
        before = _relations(engine)
        rows = run(engine, name, values, **words)
        package = _package_of(engine)
        assert package
        for key, (columns, kind) in _relations(engine).items():
            if key not in before:
                known = watched.relations.setdefault((package, key[1]), Relation(kind, columns))
                known.makers.add((_file_of(package, name), name))
                assert known.columns == columns
        return rows

    def watching_execute(engine: Engine, name: str, values: Values, words: Mapping[str, object]) -> None:
        text = _COMMENT.sub("", fill(engine._statements[name], {**engine._words, **words}))
        if package := _package_of(engine):
            watched.reads[package, name] |= {*_READ.findall(text)} - {*_NAMED_QUERY.findall(text)}
        execute(engine, name, values, words)

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "run", watching_run)
        patched.setattr(Engine, "_execute", watching_execute)
        yield watched


def _relations(engine: Engine) -> dict[tuple[str, str], tuple[list[str], str]]:
    found = engine._connection.execute(_RELATIONS).fetchall()
    return {(database, name): (columns, kind.capitalize()) for database, name, columns, kind in found}


def _package_of(engine: Engine) -> str | None:
    """One of `PACKAGES`; None for an engine of another package."""
    found = (each for each in PACKAGES if engine._statements is statements_of(f"chargeback.services.{each}"))
    return next(found, None)


def _file_of(package: str, statement: str) -> str:
    (found,) = (
        file.name
        for file in files(f"chargeback.services.{package}").iterdir()
        if file.name.endswith(".sql") and f"-- name: {statement}\n" in file.read_text("utf-8")
    )
    return f"{package}/{found}"
