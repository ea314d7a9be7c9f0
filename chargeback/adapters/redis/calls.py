"""Encodes calls as Redis keeps them and as its scripts take them, in MessagePack.

A call's state is [phase, counts, account, picodollars, [field, quantity, …]] of what it is counted as, and of a call
of several events also [first phase, first line, last line], each line only where it says more than the one that is
counted. The account names a line with its scopes, which a day keeps once for all of its calls. A field is a number for
an hour and a meter.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
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
from chargeback.domain.usage.lines import Line, from_json, line_id, to_json
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.services.ports.counter import EstimatedEvent, Seen

FINAL = b"F"
"""The state of a call that nothing more can change; the scripts tell it, and keep none."""

pack = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_METERS = tuple(Meter)
_METERS_OF_HOUR = 32
_FIELDS = [{meter: hour * _METERS_OF_HOUR + place for place, meter in enumerate(_METERS)} for hour in range(24)]
_BY_NAME = {f"{hour:02}:{meter}".encode(): (hour, meter) for hour in range(24) for meter in Meter}
_NO_LINE = ("", "", ())
_SET_DIGITS = 5
_HALF = 2**63

_StoredLine = tuple[str, str, tuple[str, ...]]

METERS_IN_LUA = "local METERS = {" + ", ".join(f'"{meter}"' for meter in Meter) + "}\n"
"""The meters in the order of their numbers. States are kept with these, so a new meter comes at the end."""


def known_as(call: str) -> str:
    """What Redis keeps of a call's identity: the digits that choose its set, and its last 64 bits as an integer."""
    return f"{call[:_SET_DIGITS]}{int(call[16:], 16) - _HALF}"


class Item(NamedTuple):
    """One thing that an event says of one call.

    Attributes:
        place: the event's in its batch; -1 for what it says about the call by its other identity.
        call: the call, as Redis knows it.
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
            items.append(Item(place, known_as(event.call), event))
        if event.claim is not None:
            items.append(Item(-1, known_as(event.claim), event))
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
        own = _as_line(line, estimated.scopes, caller_of(line))
        if others is None:
            self.all.append(own)
        else:
            scopes = estimated.scopes if estimated.folded_scopes is None else estimated.folded_scopes
            self.all.append(_as_line(others, scopes, caller_of(line)))
            self.all.append((*own, folded_names_id(line, others), len(self.all)))
        return len(self.all)

    def add_stored(self, line: _StoredLine, account: str) -> int:
        """The place of a line that Redis gave."""
        self.all.append((*line, "", account))
        return len(self.all)


def _as_line(line: Line, scopes: tuple[str, ...], caller: str) -> tuple[object, ...]:
    return line_id(line), to_json(line), scopes, caller, _account(line, scopes)


@lru_cache(maxsize=65_536)
def _account(line: Line, scopes: tuple[str, ...]) -> str:
    """The name, within its day, of a line with its scopes: 24 hexadecimal digits."""
    return blake2b(pack((line, scopes)), digest_size=12).hexdigest()


def packed_items(items: Iterable[Item], estimated: Mapping[int, EstimatedEvent]) -> tuple[bytes, list[int]]:
    """The batch of `count.lua`, and the place of each item's line."""
    lines = Lines()
    nowhere = 0
    entries: list[list[object]] = []
    for place, call, event in items:
        if place < 0:
            nowhere = nowhere or lines.add_stored(_NO_LINE, "")
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


def from_state(state: bytes, account: bytes) -> StoredCall:
    """A state that is not final, with the line and the scopes of its account as Redis keeps them."""
    phase, counts, _, picodollars, fields, *more = _decode(state)
    identity, text, scopes = _decode(account) if account else _NO_LINE
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
        return pack([Phase.RECOVERED, False, "", 0, []])
    line = estimated.event.line
    fields: list[object] = []
    add_fields(fields, estimated.event)
    account = _account(line, estimated.scopes)
    state: list[object] = [call.last.phase, call.counts, account, estimated.picodollars, fields]
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


def hours_of(fields: Sequence[bytes]) -> dict[int, Quantities]:
    """A line's meters by hour, from the fields of its hash and their values in turn."""
    hours: dict[int, Quantities] = {}
    for name, text in zip(fields[::2], fields[1::2], strict=True):
        quantity = int(text)
        if quantity:
            hour, meter = _BY_NAME[name]
            hours.setdefault(hour, {})[meter] = quantity
    return hours


def _read(fields: list[object]) -> tuple[int, Quantities]:
    hour, quantities = 0, Quantities()
    for field, quantity in zip(fields[::2], fields[1::2], strict=True):
        hour, place = divmod(int(str(field)), _METERS_OF_HOUR)
        quantities[_METERS[place]] = int(str(quantity))
    return hour, quantities
