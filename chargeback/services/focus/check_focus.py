"""Which rows of a FOCUS file are wrong in ways that the FinOps Foundation's validator does not check.

The validator accepts rows whose price times quantity is not their cost, rows that end before they begin, and duplicate
rows, and it knows no rule of 1.3. These checks work on any relation with the columns of
`domain.reports.focus_columns`: at publication, and for a file on disk. Each rule names the section that it is from.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from chargeback.domain.errors import InconsistentFile
from chargeback.domain.reports.focus_columns import (
    FOCUS_COLUMNS,
    IDENTITY,
    TAG_PREFIX,
    ColumnKind,
    FocusVersion,
    focus_columns,
)
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.statements import column_list, quoted

_MEMORY_MB = 512
_TYPES = {ColumnKind.NUMBER: "DECIMAL(38, 18)", ColumnKind.COUNT: "BIGINT", ColumnKind.TIME: "TIMESTAMP"}

Parts = Mapping[tuple[str, object, str | None], Decimal]
"""Shared cost, period and class → the sum of its parts that were found so far."""


def check_focus(engine: Engine, relation: str, *, decimals: int) -> None:
    """Raise `InconsistentFile` for the first row of the relation that breaks a rule; costs have `decimals` places."""
    engine.run("rules", relation=relation, unit=Decimal(1).scaleb(-decimals))
    ((broken,),) = engine.run("broken rows")
    if broken:
        for rule, *row in engine.run("first broken row"):
            raise _broken(rule, *row)
    for rule, *charges in engine.run("first rows that contradict each other", relation=relation):
        raise _broken(rule, *charges)
    words = {"identity": column_list(IDENTITY), "relation": relation}
    if engine.run("repeated digests", **words):
        for charge in engine.run("first repeated row", **words):
            raise _broken("each charge occurs once", *charge)


def check_file(file: Path) -> None:
    """Raise `InconsistentFile` unless the rules hold for a FOCUS CSV on disk."""
    columns = _columns_of(file)
    types = {column: _TYPES.get(kind, "VARCHAR") for column, kind in columns.items()}
    absent = [f'NULL::VARCHAR AS "{column}"' for column in FOCUS_COLUMNS if column not in columns]
    with (
        TemporaryDirectory() as folder,
        open_engine("chargeback.services.focus", spill=Path(folder), memory_limit_mb=_MEMORY_MB) as engine,
    ):
        try:
            engine.run("read a file", {"file": str(file), "types": types}, columns=", ".join(["*", *absent]))
            ((decimals,),) = engine.run("decimals of a file")
            check_focus(engine, "focus", decimals=decimals)
            for rule, *row in engine.run("first row with wrong keys", relation="focus", prefix=quoted(TAG_PREFIX)):
                raise _broken(rule, *row)
            check_parts(parts(engine, "focus"))
        except ValueError as error:
            raise InconsistentFile(f"{file}: {error}") from error


def _columns_of(file: Path) -> dict[str, ColumnKind]:
    """The columns of the version whose header a file has."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        header = lines.readline().rstrip("\r\n").split(",")
    for version in FocusVersion:
        if header == list(focus_columns(version)):
            return focus_columns(version)
    raise InconsistentFile(f"{file}: its columns are those of no FOCUS file: {', '.join(FocusVersion)}")


def parts(engine: Engine, relation: str) -> Parts:
    """The parts of shared costs in a relation, for `check_parts` once all relations have been read."""
    found = engine.run("shares", relation=relation)
    return {(shared_cost, start, kind): part for shared_cost, start, kind, part in found}


def check_parts(found: Parts) -> None:
    """Raise `InconsistentFile` unless the parts of every shared cost make a whole."""
    for (shared_cost, start, _), part in found.items():
        if part != 1:
            raise InconsistentFile(f"FOCUS: the parts of {shared_cost} from {start} sum to {part}, not to 1")


def check_totals(found: Mapping[str, Decimal], expected: Mapping[str, Decimal]) -> None:
    """Raise `InconsistentFile` unless the file's BilledCost equals the sum of the period's rows, by currency."""
    for currency in {**found, **expected}:
        ours, theirs = expected.get(currency, Decimal(0)), found.get(currency, Decimal(0))
        if ours != theirs:
            raise InconsistentFile(f"FOCUS: BilledCost sums to {theirs} {currency}, the rows of the period to {ours}")


def _broken(rule: str, charge: str, description: str, centre: str, start: object) -> InconsistentFile:
    return InconsistentFile(f"FOCUS: charge {charge} ({description}; {centre}, from {start}) breaks the rule: {rule}")
