"""From a line of the books back to the ledger: which events of a day make up a quantity of one meter.

The rule of which event counts for a call is that of `domain.events.Phase` and of `services.recount`. The day is read
twice: first for the calls that any event of the line speaks of, then for the event that counts for each of them.
"""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import msgspec

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events import Phase, UsageEvent, read_filed
from chargeback.domain.lines import Line
from chargeback.domain.meters import Meter
from chargeback.services.ports import Ledger, LedgerBlock


class TracedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event of the ledger that counts, by what it can be found with; it never held any content of the call."""

    source: str
    id: str
    type: str
    time: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What the ledger has of a line in some hours.

    Attributes:
        events: the first ones, in the order of the ledger.
        count: all of them.
        quantity: the sum over all of them.
    """

    events: tuple[TracedEvent, ...]
    count: int
    quantity: int


class _Head(msgspec.Struct):
    source: str
    id: str
    type: str
    time: str


@dataclass(slots=True)
class _Call:
    """The event that counts for a call so far, when it was written, and how early a phase was seen."""

    phase: Phase
    written: int
    earliest: Phase
    traced: TracedEvent | None


@dataclass(slots=True)
class _Search:
    """One line of a day, in some of its hours."""

    day: str
    line: Line
    hours: Collection[int]
    meter: Meter
    calls: dict[str, _Call | None] = field(default_factory=dict)

    def note(self, block: LedgerBlock) -> None:
        """Remember the calls of the line."""
        for event in _events(block.text, self.day):
            if event.line == self.line and event.hour in self.hours:
                self.calls.setdefault(event.call, None)

    def judge(self, block: LedgerBlock) -> None:
        """Find the event that counts for each of these calls: of the latest phase the one that was written first."""
        for event in _events(block.text, self.day):
            if event.call not in self.calls:
                continue
            known = self.calls[event.call]
            if known is None:
                self.calls[event.call] = _Call(event.phase, block.written, event.phase, self._traced(event))
                continue
            known.earliest = min(known.earliest, event.phase)
            if (event.phase, -block.written) > (known.phase, -known.written):
                known.phase, known.written, known.traced = event.phase, block.written, self._traced(event)

    def _traced(self, event: UsageEvent) -> TracedEvent | None:
        """The event as it is listed; None where it counts for another line, hour or meter."""
        quantity = event.quantities.get(self.meter, 0)
        if event.line != self.line or event.hour not in self.hours or not quantity:
            return None
        head = msgspec.json.decode(event.raw, type=_Head)
        return TracedEvent(head.source, head.id, head.type, head.time, quantity)

    def counted(self) -> Iterator[TracedEvent]:
        """The events that count; a call known from polls alone has none."""
        for call in self.calls.values():
            if call and call.traced and not (call.phase is Phase.POLL and call.earliest is Phase.POLL):
                yield call.traced


async def trace_events(
    ledger: Ledger, day: str, line: Line, hours: Collection[int], meter: Meter, *, limit: int
) -> Trace:
    """The events that make up a meter of a line in some UTC hours of a day; the first `limit` of them are listed.

    Memory grows with the calls of the line on the day, not with those of the day.
    """
    search = _Search(day, line, frozenset(hours), meter)
    for step in (search.note, search.judge):
        async for block in ledger.stamped(day):
            await asyncio.to_thread(step, block)
    listed: list[TracedEvent] = []
    count = quantity = 0
    for event in search.counted():
        count += 1
        quantity += event.quantity
        if len(listed) < limit:
            listed.append(event)
    return Trace(tuple(listed), count, quantity)


def _events(block: bytes, day: str) -> Iterator[UsageEvent]:
    for raw in block.splitlines():
        try:
            yield read_filed(raw, day)
        except InvalidEvent:
            continue  # the audit counts and reports what cannot be read any more
