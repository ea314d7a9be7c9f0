"""What statements need to know of every cost centre at once, summed in a few passes over the rows of the period.

The sums are small tables in a file of their own, in which each worker finds its cost centres without reading the rows.
"""

from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb

from chargeback.domain.reports.statement import Rows
from chargeback.services.publishing.settled import Settled

MOST_MEMBERS = 10
"""Models, applications and users with a bar of their own."""

MOST_CORRECTIONS = 40
"""Corrections of a cost centre that its page lists one by one."""

_MOST_PAIRS = 400
"""Pairs of application and model of a cost centre that may move: more would not change what the largest are."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Where the sums are, and what is known of all cost centres together.

    Attributes:
        path: the DuckDB file with the tables of `sum_statements.sql`.
        counts: rows by cost centre and day, ascending.
        costs: printed cost by cost centre, in the books' currency.
        unknown: rows whose cost is not known yet, by cost centre.
        previous: printed cost of the period before by cost centre; in the books' currency.
        previous_currencies: that the period before was kept in; empty where it was never published.
        last_day: of usage; empty without any.
    """

    path: Path
    counts: list[Rows]
    costs: dict[str, Decimal]
    unknown: dict[str, Decimal]
    previous: dict[str, Decimal]
    previous_currencies: tuple[str, ...]
    last_day: str


def sum_statements(settled: Settled, folder: Path, *, memory_limit_mb: int = 128) -> Sums:
    """Sum the rows for all statements into a file in `folder`."""
    path = folder / "sums.duckdb"
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_mb}MB",
        "threads": 2,
        "temp_directory": mkdtemp(dir=folder),
    }
    with duckdb.connect(path, config=config) as engine:
        engine.execute("SET enable_progress_bar = false")
        engine.execute(f"ATTACH {_quoted(str(settled.database))} AS settled (READ_ONLY)")
        engine.execute("USE settled")
        for statement in _statements(settled):
            engine.execute(statement)
        return _known(engine, path, settled.currency)


def _known(engine: duckdb.DuckDBPyConnection, path: Path, currency: str) -> Sums:
    previous = _all(engine, "SELECT currency, cost_centre, sum(cost) FROM sums.previous")
    days = _all(engine, "SELECT kind, max(charge_date) FROM sums.days")
    return Sums(
        path,
        counts=[Rows(*row) for row in _all(engine, "SELECT cost_centre, charge_date, rows FROM sums.counts")],
        costs=dict(_all(engine, "SELECT cost_centre, sum(cost) FROM sums.days")),
        unknown=dict(_all(engine, "SELECT cost_centre, sum(unknown)::DECIMAL(38, 0) FROM sums.days")),
        previous={centre: cost for known, centre, cost in previous if known == currency},
        previous_currencies=tuple(sorted({known for known, _, _ in previous})),
        last_day=dict(days).get("usage", ""),
    )


def _all(engine: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return engine.execute(f"{query} GROUP BY ALL ORDER BY ALL").fetchall()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _statements(settled: Settled) -> list[str]:
    text = (files("chargeback.services.statements") / "sum_statements.sql").read_text("utf-8")
    for name, value in {
        "{decimals}": settled.decimals,
        "{currency}": settled.currency.replace("'", "''"),
        "{most}": MOST_MEMBERS,
        "{most_pairs}": _MOST_PAIRS,
        "{most_corrections}": MOST_CORRECTIONS,
    }.items():
        text = text.replace(name, str(value))
    return [part.partition("\n")[2] for part in text.split("-- name:")[1:]]
