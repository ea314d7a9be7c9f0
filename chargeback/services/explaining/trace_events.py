"""Finds the ledger's events of a day that make up a line's quantity of one meter.

Which event counts for a call is what the recount says, the calls that a neighbouring day accounts for left out.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from chargeback.domain.cost_centres.folding import NamedValues
from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.documents import read_document
from chargeback.domain.events.doubts import doubts
from chargeback.domain.events.usage_event import read_filed
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, quantity_of
from chargeback.services.ports.ledger import Ledger
from chargeback.services.usage.recount import ledger_pieces, recount
from chargeback.services.usage.reread import MAX_EVENTS


class TracedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event of the ledger that counts, with the fields that find it again; it never had any content of the call."""

    source: str
    id: str
    type: str
    time: str
    quantity: int
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """The events of a line in some hours, as the ledger has them.

    Attributes:
        events: the first ones, in the order of the ledger.
        count: all of them.
        quantity: the sum over all of them.
    """

    events: tuple[TracedEvent, ...]
    count: int
    quantity: int


@dataclass(frozen=True, slots=True)
class _Search:
    """One line of a day, in some of its hours."""

    day: UtcDay
    line: Line
    hours: Collection[int]
    meter: Meter

    def find(
        self, text: bytes, first: int, idle: set[int], counted_as: Mapping[int, tuple[Line, int]]
    ) -> list[TracedEvent]:
        """The events of a piece that count for the meter."""
        lines = enumerate(text.removesuffix(b"\n").split(b"\n"), first)
        return list(self._traced(((at, raw) for at, raw in lines if at not in idle), counted_as))

    def _traced(
        self, events: Iterator[tuple[int, bytes]], counted_as: Mapping[int, tuple[Line, int]]
    ) -> Iterator[TracedEvent]:
        for position, raw in events:
            try:
                event = read_filed(raw, self.day)
            except InvalidEvent:
                continue  # the audit counts and reports what cannot be read any more
            quantity = quantity_of(event.quantities, self.meter)
            line, hour = counted_as.get(position, (event.line, event.hour))
            if line == self.line and hour in self.hours and quantity:
                said = read_document(event.raw)
                why = tuple(doubts(said.data, event.quantities))
                yield TracedEvent(said.source, said.id, said.type, said.time, quantity, why)


async def trace_events(
    ledger: Ledger, day: UtcDay, line: Line, hours: Collection[int], meter: Meter, *, limit: int, named: NamedValues
) -> Trace:
    """The events that make up a meter of a line in some UTC hours of a day; the first `limit` of them are listed."""
    search = _Search(day, line, frozenset(hours), meter)
    listed: list[TracedEvent] = []
    number = count = quantity = 0
    extent = await ledger.extent(day)
    async with recount(ledger, day, workers=0, named=named, within=extent) as recounted:
        async for text, _ in ledger_pieces(ledger.stamped_blocks(day, extent)):
            idle = await recounted.idle(number)
            counted_as = await recounted.counted_as(number)
            found = await asyncio.to_thread(search.find, text, number * MAX_EVENTS, idle, counted_as)
            number += 1
            count += len(found)
            quantity += sum(event.quantity for event in found)
            listed += found[: limit - len(listed)]
    return Trace(tuple(listed), count, quantity)
