"""Which event counts for each call of a recounted day, and under which line: `domain.events.phases` in SQL.

Between events of one phase the ledger's order decides: when they were written, then who wrote them. If a call has
events on two days, the day with the call's own events accounts for it, and the earlier day if both have them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from chargeback.domain.events.phases import attributed
from chargeback.domain.events.usage_event import Phase
from chargeback.domain.usage.lines import from_json, line_id, to_json
from chargeback.domain.usage.meters import Meter
from chargeback.services.duck.engine import Engine, Row
from chargeback.services.duck.statements import column_definitions
from chargeback.services.usage.csv_rows import LINE_COLUMNS, load_rows

CLAIM_COLUMNS = {"call": "UUID"}
NEIGHBOUR_COLUMNS = {"call": "UUID", "rank": "TINYINT"}
"""Calls of another day, and how what that day knows of them ranks; see `domain.events.phases.rank_of`."""

_ATTRIBUTED_COLUMNS = {"first_line": "UUID", "last_line": "UUID", "line": "UUID"}
PHASES = {phase.name.lower(): int(phase) for phase in Phase}
"""The phases as values of statements: `$poll`, `$pending` …"""

_PAIRS_AT_ONCE = 10_000


def find_what_counts(engine: Engine, folder: str, meters: Sequence[Meter]) -> None:
    """Make the tables `idle`, `counted_as` and `texts` from `events`, `lines`, `claims` and `folded`."""
    for statement in ("repeated", "idle", "moved", "texts"):
        engine.run(statement, PHASES, meters=", ".join(meters))
    engine.run("create table", table="attributed", columns=column_definitions(_ATTRIBUTED_COLUMNS))
    for number, pairs in enumerate(_pairs(engine)):
        _attribute(engine, pairs, f"{folder}/attributed-{number}")
    engine.run("counted as")
    engine.run("counted as folded")


def leave_to_neighbour(engine: Engine, *, is_before: bool) -> None:
    """Take the calls that the day in `neighbours` accounts for out of this one, and forget that day."""
    engine.run("elsewhere", PHASES, outranks=">=" if is_before else ">")
    engine.run("forget neighbour")


def leave_out_elsewhere(engine: Engine) -> None:
    """Leave out the calls that neighbouring days account for."""
    engine.run("idle elsewhere")


def _pairs(engine: Engine) -> Iterator[list[Row]]:
    with engine.apart() as other:
        yield from other.stream("pairs of lines", rows=_PAIRS_AT_ONCE)


def _attribute(engine: Engine, pairs: Sequence[Row], path: str) -> None:
    """Note the line of calls with these first and last lines, where it is another than the last."""
    rows, lines = [], []
    for first, last, first_text, last_text in pairs:
        own = from_json(last_text)
        line = attributed(from_json(first_text), own)
        if line != own:
            identity = line_id(line)
            quoted = to_json(line).replace('"', '""')
            rows.append(f"{first},{last},{identity}\n")
            lines.append(f'{identity},"{quoted}"\n')
    for table, columns, text in (("attributed", _ATTRIBUTED_COLUMNS, rows), ("lines", LINE_COLUMNS, lines)):
        Path(f"{path}.{table}").write_text("".join(text), encoding="utf-8")
        load_rows(engine, table, columns, [f"{path}.{table}"])
