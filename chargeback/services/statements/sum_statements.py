"""Sums the rows of a period for all statements at once, in a few passes over them.

The sums are small tables in a database of their own, where each worker finds its cost centres without reading the rows.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp

from chargeback.domain.reports.statement import DayRows
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.period_tables import PeriodTables

MOST_MEMBERS = 10
"""Models, applications and users with a bar of their own."""

MOST_CORRECTIONS = 40
"""Corrections of a cost centre that its page lists one by one."""

_MOST_PAIRS = 400
"""At most this many pairs of application and model are compared in a cost centre; more would not change the movers."""

_STATEMENTS = (
    "attach the period", "booked", "counts", "days", "used", "items", "people", "shares", "open usage", "shared",
    "corrections", "corrected", "rates", "previous",
)  # fmt: skip
"""The statements that sum, in their order."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Where the sums are, with the figures of all cost centres together.

    Attributes:
        path: the DuckDB file with the tables of `sum_statements.sql`.
        counts: rows by cost centre and day, ascending.
        costs: printed cost by cost centre, in the books' currency.
        unknown: rows whose cost is not known yet, by cost centre.
        previous: printed cost of the period before by cost centre; in the books' currency.
        previous_currencies: those that the period before was kept in; empty where it was never published.
        last_day: the last day with usage; empty without any.
    """

    path: Path
    counts: list[DayRows]
    costs: dict[str, Decimal]
    unknown: dict[str, Decimal]
    previous: dict[str, Decimal]
    previous_currencies: tuple[str, ...]
    last_day: str


def sum_statements(tables: PeriodTables, folder: Path, *, memory_limit_mb: int = 128) -> Sums:
    """Sum the rows for all statements into a file in `folder`."""
    path = folder / "sums.duckdb"
    words = {"decimals": tables.decimals, "database": quoted(tables.database), "currency": quoted(tables.currency)}
    values = {
        "currency": tables.currency,
        "most_members": MOST_MEMBERS,
        "most_pairs": _MOST_PAIRS,
        "most_corrections": MOST_CORRECTIONS,
    }
    with open_engine(
        "chargeback.services.statements",
        path,
        spill=Path(mkdtemp(dir=folder)),
        memory_limit_mb=memory_limit_mb,
        words=words,
    ) as engine:
        for statement in _STATEMENTS:
            engine.run(statement, values)
        return _read_sums(engine, path, tables.currency)


def _read_sums(engine: Engine, path: Path, currency: str) -> Sums:
    previous = engine.run("costs of the period before")
    last_days: dict[str, str] = dict(engine.run("last days"))
    return Sums(
        path,
        counts=[DayRows(*row) for row in engine.run("counts of centres")],
        costs=dict(engine.run("costs of centres")),
        unknown=dict(engine.run("unknown costs of centres")),
        previous={centre: cost for known, centre, cost in previous if known == currency},
        previous_currencies=tuple(sorted({known for known, _, _ in previous})),
        last_day=last_days.get("usage", ""),
    )
