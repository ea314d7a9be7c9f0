"""Loads the SQL of a package by name, and writes Python values as SQL where DuckDB does not bind them.

A package keeps its SQL in `*.sql` files beside the code that runs it. `-- name: …` begins a statement, or several that
run together. `$name` stands for a value, which is bound; `{word}` stands for a part of the statement, such as a list of
columns, which is filled in before it runs.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path

from chargeback.domain.money.exact import to_text

_WORD = re.compile(r"\{([a-z_]+)\}")


@cache
def statements_of(package: str) -> Mapping[str, str]:
    """The statements of all `*.sql` files of a package, by name."""
    found: dict[str, str] = {}
    for file in files(package).iterdir():
        if file.name.endswith(".sql"):
            for part in file.read_text("utf-8").split("-- name: ")[1:]:
                name, _, body = part.partition("\n")
                assert name not in found, f"two statements of {package} are named {name}"
                found[name] = body
    return found


def fill(statement: str, words: Mapping[str, object]) -> str:
    """The statement with its words filled in; raises `KeyError` for a word that nobody gave."""
    return _WORD.sub(lambda word: str(words[word[1]]), statement)


def quoted(string: object) -> str:
    """A string, or a path, as an SQL literal."""
    return "'" + str(string).replace("'", "''") + "'"


def paths(files: Iterable[Path]) -> list[str]:
    """Files as values of a statement."""
    return [str(file) for file in files]


def column_list(columns: Iterable[str]) -> str:
    """Columns as SQL lists them."""
    return ", ".join(f'"{column}"' for column in columns)


def column_definitions(types: Mapping[str, str]) -> str:
    """Columns with their types, as `CREATE TABLE` takes them."""
    return ", ".join(f'"{column}" {kind}' for column, kind in types.items())


def literal(value: str | int | Decimal | datetime | None) -> str:
    """A value as an SQL literal; a decimal as a string, which DuckDB casts exactly, and a time without its zone."""
    match value:
        case None:
            return "NULL"
        case int():
            return str(value)
        case Decimal():
            return quoted(to_text(value))
        case datetime():
            return f"TIMESTAMP '{value.replace(tzinfo=None)}'"
        case _:
            return quoted(value)
