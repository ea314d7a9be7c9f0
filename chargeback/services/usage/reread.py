"""Reads a piece of the ledger again into CSV rows, one per event, which an SQL engine can deduplicate and sum.

Runs in worker processes, so it takes and returns plain values and imports nothing else but the domain.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from pathlib import Path

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.phases import rank_of
from chargeback.domain.events.usage_event import call_in, read_filed_as_is
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.lines import Line, line_id, to_json
from chargeback.domain.usage.meters import Meter, Quantities

MAX_EVENTS = 1 << 24
"""More events than a piece can hold: the position of an event is its piece's number times this, plus its index."""

_MAX_LINES = 65_536


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of a day's ledger, in reading order of `number`, and the folder where their rows go.

    Attributes:
        written: how many of the lines were written when, in turn: (lines, microseconds since 1970).
    """

    day: UtcDay
    number: int
    text: bytes
    folder: str
    written: tuple[tuple[int, int], ...]

    def times(self) -> Iterator[int]:
        """When each line was written."""
        for lines, time in self.written:
            yield from repeat(time, lines)


@dataclass(frozen=True, slots=True)
class Reread:
    """The content of a piece.

    Attributes:
        rows: CSV file: call, phase, when it was written, position, line id, hour, then `meters`; empty where zero.
        meters: what the events account for that this process has read so far, the first seen first.
        lines: CSV file: line id and the line's dimensions, for lines that this process had not written before.
        claims: CSV file: identities of calls that are accounted for by another one.
        events: lines in the piece.
        unreadable: events that cannot be used now, by reason.
    """

    rows: str
    meters: tuple[Meter, ...]
    lines: str
    claims: str
    events: int
    unreadable: dict[str, int]


def reread(piece: Piece) -> Reread:
    """Read the events of a piece and write their rows."""
    rows: list[str] = []
    unreadable: Counter[str] = Counter()
    known = _known(piece.folder)
    new: list[str] = []
    claims: list[str] = []
    events = piece.text.removesuffix(b"\n").split(b"\n")
    for (position, raw), written in zip(enumerate(events, piece.number * MAX_EVENTS), piece.times(), strict=True):
        try:
            event = read_filed_as_is(raw, piece.day)
        except InvalidEvent as error:
            unreadable[error.reason] += 1
            continue
        entry = known.lines.get(id(event.line))
        if entry is None:
            entry = _add(known.lines, event.line, new)
        call, phase, _, hour, _, quantities, *_ = event
        template = known.templates.get(own := tuple(quantities))
        if template is None:
            further = _further_cells(known, own)
            rows = [row + further for row in rows]
            template = known.templates[own]
        cells, of = template
        rows.append(f"{call},{phase:d},{written},{position},{entry[1]},{hour}{cells % of(quantities)}")
        if event.claim is not None:
            claims.append(f"{event.claim}\n")
    path = f"{piece.folder}/{piece.number:08}"
    Path(f"{path}.rows").write_text("\n".join([*rows, ""]), encoding="ascii")
    Path(f"{path}.lines").write_text("".join(new), encoding="utf-8")
    Path(f"{path}.claims").write_text("".join(claims), encoding="ascii")
    meters = tuple(known.meters)
    return Reread(f"{path}.rows", meters, f"{path}.lines", f"{path}.claims", len(events), dict(unreadable))


_Lines = dict[int, tuple[Line, str]]
_Template = tuple[str, Callable[[Quantities], object]]
"""A %-format with a cell for each meter, and what takes its values from quantities of just these meters."""


@dataclass(slots=True)
class _Known:
    """What this process has read of a day.

    Attributes:
        lines: by their identity in memory.
        meters: the columns of rows; a day has few of all that there are, and each costs time for every event.
        templates: for quantities of these meters.
    """

    lines: _Lines = field(default_factory=dict)
    meters: list[Meter] = field(default_factory=list)
    templates: dict[tuple[Meter, ...], _Template] = field(default_factory=dict)


@lru_cache(maxsize=1)
def _known(folder: str) -> _Known:  # noqa: ARG001 the folder is the key: another recount starts again
    return _Known()


def _further_cells(known: _Known, own: tuple[Meter, ...]) -> str:
    """Make the template for quantities of these meters; returns the empty cells that rows before it lack."""
    new = [meter for meter in own if meter not in known.meters]
    if new:
        known.meters += new
        known.templates.clear()
    cells = "".join(",%d" if meter in own else "," for meter in known.meters)
    known.templates[own] = (cells, itemgetter(*(meter for meter in known.meters if meter in own)))
    return "," * len(new)


def _add(known: _Lines, line: Line, new: list[str]) -> tuple[Line, str]:
    """Remember a line by its identity in memory, which costs no hashing; the entry keeps the line alive."""
    if len(known) >= _MAX_LINES:
        known.clear()
    entry = known[id(line)] = (line, line_id(line))
    quoted = to_json(line).replace('"', '""')
    new.append(f'{entry[1]},"{quoted}"\n')
    return entry


def recall(piece: Piece) -> str:
    """Read which calls the events of a piece are of; returns the path of a CSV file: call and rank."""
    rows: list[str] = []
    for raw in piece.text.split(b"\n"):
        heard = call_in(raw)
        if heard is None:
            continue
        if (rank := rank_of(heard.phase)) is not None:
            rows.append(f"{heard.call},{rank}\n")
        if heard.claim is not None:
            rows.append(f"{heard.claim},1\n")
    path = f"{piece.folder}/{piece.day}-{piece.number:08}.calls"
    Path(path).write_text("".join(rows), encoding="ascii")
    return path
