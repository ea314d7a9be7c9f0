"""Encodes calls as Redis keeps them and as its scripts take them, in MessagePack.

A call's state is [phase, counts, [line id, line, scopes], picodollars, [field, quantity, …]] of what it is counted as,
and of a call of several events also [first phase, first line, last line], each line only where it says more than the
one that is counted. Older versions know the first five.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from chargeback.domain.cost_centres.folding import caller_of, folded_names_id
from chargeback.domain.events.documents import outline
from chargeback.domain.events.phases import (
    LINE_OF_NOBODY,
    CallSoFar,
    Said,
    follow,
    has_same_payer,
    is_claim_alone,
    left_elsewhere,
)
from chargeback.domain.events.usage_event import Phase, UsageEvent
from chargeback.domain.usage.lines import from_json, line_id, to_json
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.services.ports.counter import EstimatedEvent, Seen

FINAL = b"F"
"""The state of a call that nothing more can change."""

pack = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_FIELDS = [{meter: f"{hour:02}:{meter}" for meter in Meter} for hour in range(24)]
_BY_FIELD = {name: (hour, meter) for hour, names in enumerate(_FIELDS) for meter, name in names.items()}
_NO_LINE = ("", "", ())

_StoredLine = tuple[str, str, tuple[str, ...]]


class Item(NamedTuple):
    """One thing that an event says of one call.

    Attributes:
        place: the event's in its batch; -1 for what it says about the call by its other identity.
        call: the identity of the call.
    """

    place: int
    call: str
    event: UsageEvent

    def folded(self, estimated: Mapping[int, EstimatedEvent]) -> "Item":
        """The item under the line of further names."""
        others = estimated[self.place].folded if self.place >= 0 else None
        return self if others is None else self._replace(event=self.event._replace(line=others))

    def follow(self, known: CallSoFar) -> CallSoFar:
        """The call after it."""
        return left_elsewhere(known) if self.place < 0 else follow(known, self.event)


def items_of(events: Iterable[UsageEvent]) -> list[Item]:
    """The items of some events: one for each thing that an event says of a call."""
    items: list[Item] = []
    for place, event in enumerate(events):
        if not is_claim_alone(event):
            items.append(Item(place, event.call, event))
        if event.claim is not None:
            items.append(Item(-1, event.claim, event))
    return items


class Lines:
    """The lines of a batch, each with its scopes and once."""

    def __init__(self) -> None:
        self.all: list[tuple[object, ...]] = []
        # Events of one line mostly share the very same objects, whose identity costs no hashing; where they do not, a
        # line is in the batch twice, and the script adds both up.
        self._numbers: dict[tuple[int, int], int] = {}
        self._kept: list[object] = []

    def number(self, estimated: EstimatedEvent) -> int:
        """The line's place for the scripts, from 1."""
        key = (id(estimated.event.line), id(estimated.scopes))
        number = self._numbers.get(key)
        if number is None:
            self._kept.append(estimated)  # so that nothing else gets its identity
            number = self._numbers[key] = self._add(estimated)
        return number

    def _add(self, estimated: EstimatedEvent) -> int:
        line, others = estimated.event.line, estimated.folded
        caller = caller_of(line)
        own = (line_id(line), to_json(line), estimated.scopes, caller)
        if others is None:
            self.all.append(own)
        else:
            scopes = estimated.scopes if estimated.folded_scopes is None else estimated.folded_scopes
            self.all.append((line_id(others), to_json(others), scopes, caller))
            self.all.append((*own, folded_names_id(line, others), len(self.all)))
        return len(self.all)

    def add_stored(self, line: _StoredLine) -> int:
        """The place of a line that Redis gave."""
        self.all.append(line)
        return len(self.all)


def packed_items(items: Iterable[Item], estimated: Mapping[int, EstimatedEvent]) -> tuple[bytes, list[int]]:
    """The batch of `count.lua`, and the place of each item's line."""
    lines = Lines()
    nowhere = 0
    entries: list[list[object]] = []
    for place, call, event in items:
        if place < 0:
            nowhere = nowhere or lines.add_stored(_NO_LINE)
            entries.append([call, Phase.RECOVERED, nowhere, 0, "", 0])
            continue
        each = estimated[place]
        phase = event.phase
        # The scripts' MessagePack knows text only.
        text = outline(event.raw).decode() if phase is Phase.PENDING else ""
        entry: list[object] = [
            call, phase, lines.number(each), each.picodollars, text, 0 if phase is Phase.POLL else 1
        ]  # fmt: skip
        add_fields(entry, event)
        entries.append(entry)
    return pack((lines.all, entries)), [int(str(entry[2])) for entry in entries]


def add_fields(entry: list[object], event: UsageEvent) -> None:
    """Append what an event counts, as field and quantity in turn."""
    fields = _FIELDS[event.hour]
    for meter, quantity in event.quantities.items():
        entry += (fields[meter], quantity)


class StoredCall(NamedTuple):
    """A call as Redis has it."""

    so_far: CallSoFar
    line: _StoredLine
    picodollars: int
    fields: list[object]


def from_state(state: bytes) -> StoredCall:
    """A state that is not final."""
    phase, counts, (identity, text, scopes), picodollars, fields, *more = _decode(state)
    first_phase, first_text, last_text = more or (phase, "", "")
    line = from_json(text) if text else LINE_OF_NOBODY
    hour, quantities = _read(list(fields))
    last = Said(Phase(phase), hour, from_json(last_text) if last_text else line, quantities)
    first = last
    if first_phase != phase:
        first = Said(Phase(first_phase), hour, from_json(first_text) if first_text else line, {})
    return StoredCall(
        CallSoFar(first, last, bool(counts)), (identity, text, tuple(scopes)), int(picodollars), list(fields)
    )


def to_state(call: CallSoFar, estimated: EstimatedEvent) -> bytes:
    """The state of a call that is counted as this event, or would be."""
    if call.last.phase is Phase.FINAL:
        return FINAL
    if call.is_elsewhere:
        return pack([Phase.RECOVERED, False, _NO_LINE, 0, []])
    line = estimated.event.line
    fields: list[object] = []
    add_fields(fields, estimated.event)
    counted = (line_id(line), to_json(line), estimated.scopes)
    state: list[object] = [call.last.phase, call.counts, counted, estimated.picodollars, fields]
    if call.first.phase != call.last.phase:
        first = "" if has_same_payer(call.first.line, line) else to_json(call.first.line)
        # With the lowest phase there is, nothing can come before it any more.
        is_needed = call.first.phase > Phase.PENDING and not has_same_payer(call.last.line, line)
        state += [call.first.phase, first, to_json(call.last.line) if is_needed else ""]
    return pack(state)


def phase_in(state: bytes) -> Phase:
    """The highest phase of a call."""
    return Phase.FINAL if state == FINAL else Phase(int(_decode(state)[0]))


def seen_in(state: bytes) -> Seen | None:
    """The phases of a call; None of one that only others told of."""
    if state == FINAL:
        return Seen(Phase.PENDING, Phase.FINAL)
    last, _, _, _, _, *more = _decode(state)
    return Seen(Phase(int(more[0] if more else last)), Phase(int(last))) if last > Phase.BESIDE else None


def hours_of(fields: Mapping[bytes, bytes]) -> dict[int, Quantities]:
    """A line's meters by hour, from the fields of its hash."""
    hours: dict[int, Quantities] = {}
    for name, text in fields.items():
        quantity = int(text)
        if quantity:
            hour, meter = _BY_FIELD[name.decode()]
            hours.setdefault(hour, {})[meter] = quantity
    return hours


def _read(fields: list[object]) -> tuple[int, Quantities]:
    hour, quantities = 0, Quantities()
    for name, quantity in zip(fields[::2], fields[1::2], strict=True):
        hour, meter = _BY_FIELD[str(name)]
        quantities[meter] = int(str(quantity))
    return hour, quantities
