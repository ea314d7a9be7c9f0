"""Which rows of a FOCUS file are wrong in ways that the FinOps Foundation's validator does not check.

The validator accepts rows whose price times quantity is not their cost, rows that end before they begin, and duplicate
rows. These checks work on any relation with the columns of `domain.reports.focus`: at publication, and for
a file on disk.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from chargeback.domain.errors import InconsistentFile
from chargeback.domain.reports.focus import FOCUS_COLUMNS, IDENTITY, ColumnKind
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.statements import column_list

_MEMORY_MB = 512
_TYPES = {ColumnKind.NUMBER: "DECIMAL(38, 18)", ColumnKind.COUNT: "BIGINT", ColumnKind.TIME: "TIMESTAMP"}

Parts = Mapping[tuple[str, object, str | None], Decimal]
"""Shared cost, period and class → the sum of its parts that were found so far."""


def check_focus(engine: Engine, relation: str, *, decimals: int) -> None:
    """Raise `InconsistentFile` for the first row of the relation that breaks a rule; costs have `decimals` places."""
    for rule, *row in engine.run("first broken row", relation=relation, unit=Decimal(1).scaleb(-decimals)):
        raise _broken(rule, *row)
    words = {"identity": column_list(IDENTITY), "relation": relation}
    if engine.run("repeated digests", **words):
        for charge in engine.run("first repeated row", **words):
            raise _broken("each charge occurs once", *charge)


def check_file(file: Path) -> None:
    """Raise `InconsistentFile` unless the rules hold for a FOCUS CSV on disk."""
    types = {column: _TYPES.get(kind, "VARCHAR") for column, kind in FOCUS_COLUMNS.items()}
    with (
        TemporaryDirectory() as folder,
        open_engine("chargeback.services.focus", spill=Path(folder), memory_limit_mb=_MEMORY_MB) as engine,
    ):
        try:
            engine.run("read a file", {"file": str(file), "types": types})
            ((decimals,),) = engine.run("decimals of a file")
            check_focus(engine, "focus", decimals=decimals)
            check_parts(parts(engine, "focus"))
        except ValueError as error:
            raise InconsistentFile(f"{file}: {error}") from error


def parts(engine: Engine, relation: str) -> Parts:
    """The parts of shared costs in a relation, for `check_parts` once all relations have been read."""
    found = engine.run("shares", relation=relation)
    return {(resource, start, kind): part for resource, start, kind, part in found}


def check_parts(found: Parts) -> None:
    """Raise `InconsistentFile` unless the parts of every shared cost make a whole."""
    for (resource, start, _), part in found.items():
        if part != 1:
            raise InconsistentFile(f"FOCUS: the parts of {resource} from {start} sum to {part}, not to 1")


def check_totals(found: Mapping[str, Decimal], expected: Mapping[str, Decimal]) -> None:
    """Raise `InconsistentFile` unless the file's BilledCost equals the sum of the period's rows, by currency."""
    for currency in {**found, **expected}:
        ours, theirs = expected.get(currency, Decimal(0)), found.get(currency, Decimal(0))
        if ours != theirs:
            raise InconsistentFile(f"FOCUS: BilledCost sums to {theirs} {currency}, the rows of the period to {ours}")


def _broken(rule: str, charge: str, description: str, centre: str, start: object) -> InconsistentFile:
    return InconsistentFile(f"FOCUS: charge {charge} ({description}; {centre}, from {start}) breaks the rule: {rule}")
