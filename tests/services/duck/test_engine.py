"""Statements run by name with bound values and filled-in words, and DuckDB's errors come out as ours."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.services.duck.connection import connect
from chargeback.services.duck.engine import Engine
from chargeback.services.duck.statements import statements_of

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
STATEMENTS = {
    "table": 'CREATE TABLE words (word VARCHAR, number {type}, "time" TIMESTAMP)',
    "two at once": "CREATE TEMP TABLE given AS SELECT $first AS first; SELECT first, $second FROM given",
    "words": "SELECT word, number FROM words ORDER BY number",
    "times": 'SELECT "time" FROM words',
    "temporary": "FROM given",
    "refused": "SELECT error('the fifth line is empty')",
    "wrong": "SELECT nothing FROM nowhere",
    "file": "COPY (SELECT $word) TO $file (FORMAT csv, HEADER false)",
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    connection = connect(tmp_path / "test.duckdb", spill=tmp_path / "spill", memory_limit_mb=64)
    with Engine(connection, STATEMENTS, {"type": "DECIMAL(38, 18)"}) as engine:
        yield engine


def test_each_of_several_statements_is_bound_to_the_values_that_it_names(engine: Engine) -> None:
    assert engine.run("two at once", {"first": "it's", "second": 2, "unused": None}) == [("it's", 2)]


def test_a_value_that_a_statement_names_has_to_be_given(engine: Engine) -> None:
    with pytest.raises(KeyError, match="second"):
        engine.run("two at once", {"first": 1})


def test_a_word_that_nobody_gives_is_an_error(tmp_path: Path) -> None:
    with (
        Engine(connect(None, spill=tmp_path, memory_limit_mb=64), STATEMENTS, {}) as engine,
        pytest.raises(KeyError, match="type"),
    ):
        engine.run("table")


def test_inserted_values_come_back_exactly(engine: Engine) -> None:
    numbers = [Decimal("0.000000000000000001"), Decimal(10**19), None]

    engine.run("table")
    engine.insert(
        "words", [(f"it's {n}", number, datetime(2026, 3, 1, tzinfo=UTC)) for n, number in enumerate(numbers)]
    )

    assert engine.run("words") == [(f"it's {n}", number) for n, number in enumerate(numbers)]
    assert engine.run("times") == [(MARCH.replace(tzinfo=None),)] * 3


def test_rows_come_by_their_columns_or_some_at_a_time(engine: Engine) -> None:
    engine.run("table")
    engine.insert("words", [("a", 1, None), ("b", 2, None), ("c", 3, None)])

    assert engine.ask("words")[1] == {"word": "b", "number": Decimal(2)}
    assert [len(some) for some in engine.stream("words", rows=2)] == [2, 1]


def test_another_connection_sees_the_tables_but_not_the_temporary_ones(engine: Engine, tmp_path: Path) -> None:
    engine.run("table")
    engine.run("two at once", {"first": 1, "second": 2})

    with engine.apart() as other:
        assert other.run("words") == []
        with pytest.raises(ValueError, match="given does not exist"):
            other.run("temporary")
    engine.run_apart("file", {"word": "a b", "file": str(tmp_path / "it's a file.csv")})
    assert (tmp_path / "it's a file.csv").read_text() == "a b\n"


def test_a_statement_refuses_data_in_its_own_words(engine: Engine) -> None:
    with pytest.raises(ValueError, match=r"^the fifth line is empty$"):
        engine.run("refused")
    with pytest.raises(ValueError, match="nowhere does not exist"):
        engine.run("wrong")


def test_every_statement_of_a_package_has_a_name_of_its_own() -> None:
    found = statements_of("chargeback.services.usage")

    assert {"load rows", "repeated", "further names", "seen calls"} <= found.keys()
