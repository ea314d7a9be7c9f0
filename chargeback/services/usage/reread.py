"""A piece of the ledger read again: each event becomes one CSV row that an SQL engine can deduplicate and sum.

Runs in worker processes, so it takes and returns plain values and imports nothing but the domain.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events import EVER, UsageEvent, read_event
from chargeback.domain.lines import Line, line_id, to_text
from chargeback.domain.meters import Meter, Quantities

MAX_EVENTS = 1 << 24
"""More events than a piece can hold: the position of an event is its piece's number times this, plus its index."""

_MAX_LINES = 65_536


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of a day's ledger, in reading order of `number`, and the folder where their rows go."""

    day: str
    number: int
    text: bytes
    folder: str


@dataclass(frozen=True, slots=True)
class Reread:
    """What a piece held.

    Attributes:
        rows: CSV file: call, phase, position, line id, hour, then every meter; empty where zero.
        lines: CSV file: line id and the line's dimensions, for lines that this process had not written before.
        events: lines in the piece.
        unreadable: events that cannot be used now, by reason.
    """

    rows: str
    lines: str
    events: int
    unreadable: dict[str, int]


def reread(piece: Piece) -> Reread:
    """Read the events of a piece and write their rows."""
    rows: list[str] = []
    unreadable: Counter[str] = Counter()
    known = _known_lines(piece.folder)
    new: list[str] = []
    events = piece.text.splitlines()
    for position, raw in enumerate(events, piece.number * MAX_EVENTS):
        try:
            event = read_event(raw, EVER)
        except InvalidEvent as error:
            unreadable[error.reason] += 1
            continue
        if event.day != piece.day:
            unreadable["other-day"] += 1
            continue
        entry = known.get(id(event.line))
        if entry is None:
            entry = _add(known, event.line, new)
        rows.append(_row(event, position, entry[1]))
    path = f"{piece.folder}/{piece.number:08}"
    Path(f"{path}.rows").write_text("".join(rows), encoding="ascii")
    Path(f"{path}.lines").write_text("".join(new), encoding="utf-8")
    return Reread(f"{path}.rows", f"{path}.lines", len(events), dict(unreadable))


_Known = dict[int, tuple[Line, str]]


@lru_cache(maxsize=1)
def _known_lines(folder: str) -> _Known:  # noqa: ARG001 the folder is the key: another recount starts anew
    return {}


def _add(known: _Known, line: Line, new: list[str]) -> tuple[Line, str]:
    """Remember a line by its identity in memory, which costs no hashing; the entry keeps the line alive."""
    if len(known) >= _MAX_LINES:
        known.clear()
    entry = known[id(line)] = (line, line_id(line))
    quoted = to_text(line).replace('"', '""')
    new.append(f'{entry[1]},"{quoted}"\n')
    return entry


def _row(event: UsageEvent, position: int, line: str) -> str:
    call, phase, _, hour, _, quantities, _ = event
    values, of = _template(tuple(quantities))
    return f"{call},{phase:d},{position},{line},{hour}{values % of(quantities)}"


@lru_cache(maxsize=1024)
def _template(meters: tuple[Meter, ...]) -> tuple[str, Callable[[Quantities], object]]:
    """A %-format with every meter's column, and what takes its values from quantities of just these meters."""
    columns = "".join(",%d" if meter in meters else "," for meter in Meter)
    return f"{columns}\n", itemgetter(*(meter for meter in Meter if meter in meters))
