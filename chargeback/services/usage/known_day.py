"""Which events of its calls a day has: answered from Redis while it counts the whole day, else from the ledger.

Redis may have lost a day, or a part of it, and never heard of one that was closed to it. That an event is missing can
be known only where every fence of the books carries the counter's epoch: then the ledger was counted into it, whole.
For a caller with very many waiting calls it names only the first ones.
The ledger itself always knows; it is recounted on disk, in bounded memory.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chargeback.domain.errors import CountLost
from chargeback.domain.events.usage_event import Phase, day_beside
from chargeback.domain.streams.gateway_log import KeptEvent
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.books import Books
from chargeback.services.ports.counter import Counter, Seen
from chargeback.services.ports.ledger import Ledger
from chargeback.services.usage.ingest import is_open
from chargeback.services.usage.known_calls import is_counted_whole
from chargeback.services.usage.recount import Recounted, ledger_pieces, recount
from chargeback.services.usage.reread import MAX_EVENTS
from chargeback.services.usage.what_counts import PHASES

CALLS_AT_ONCE = 500


class KnownDay(Protocol):
    """One day, as a store knows it."""

    @property
    def is_whole(self) -> bool:
        """Whether an event that is not known here is missing."""

    @property
    def is_still(self) -> bool:
        """Whether the day is known as it was: what arrives meanwhile is not seen here."""

    async def seen(self, calls: Sequence[str]) -> Sequence[Seen | None]:
        """What is known of each of these calls."""

    def pending(self) -> AsyncIterator[list[bytes]]:
        """The events of calls whose tokens are not known yet, some hundred at a time."""

    async def beyond(self) -> Mapping[str, int]:
        """Caller → its calls that wait, too, but are not told here."""


def is_missing(kept: KeptEvent, seen: Seen | None) -> bool:
    """Whether the event that the log keeps of a call says more than what is known: who made it, or what it used."""
    if seen is None:
        return True
    if kept.phase is None or seen.last is Phase.FINAL:
        return False
    return kept.phase > seen.last or Phase.PENDING <= kept.phase < seen.first


@dataclass(frozen=True, slots=True)
class CountedDay:
    """A day that Redis counts, under this epoch."""

    counter: Counter
    day: UtcDay
    epoch: str | None
    is_whole: bool
    is_still: bool = False

    async def seen(self, calls: Sequence[str]) -> Sequence[Seen | None]:
        """What is known of each of these calls; one sent again around midnight belongs to a neighbouring day.

        Raises `CountLost` where Redis has lost the day meanwhile: it knows nothing then.
        """
        found = list(await self.counter.seen(self.day, calls))
        for beside in (day_beside(self.day, -1), day_beside(self.day, 1)):
            if unknown := [number for number, each in enumerate(found) if each is None]:
                there = await self.counter.seen(beside, [calls[number] for number in unknown])
                for number, each in zip(unknown, there, strict=True):
                    found[number] = each
        if await self.counter.epoch(self.day) != self.epoch:
            raise CountLost(f"{self.day} is no longer counted under epoch {self.epoch}")
        return found

    async def pending(self) -> AsyncIterator[list[bytes]]:
        """The events of calls whose tokens are not known yet."""
        async for found in self.counter.pending(self.day):
            for start in range(0, len(found), CALLS_AT_ONCE):
                yield found[start : start + CALLS_AT_ONCE]

    async def beyond(self) -> Mapping[str, int]:
        """Caller → its calls that wait, too, but for which Redis had no room."""
        return await self.counter.beyond(self.day)


@dataclass(frozen=True, slots=True)
class RecountedDay:
    """A day as its ledger has it."""

    recounted: Recounted
    ledger: Ledger
    extent: dict[str, int]
    is_whole: bool = True
    is_still: bool = True

    async def seen(self, calls: Sequence[str]) -> Sequence[Seen | None]:
        """What is known of each of these calls."""
        known: dict[str, Seen] = {}
        for start in range(0, len(calls), CALLS_AT_ONCE):
            rows = await self.recounted.run(
                "seen calls", PHASES | {"calls": list(calls[start : start + CALLS_AT_ONCE])}
            )
            known |= {call.replace("-", ""): Seen(Phase(first), Phase(last)) for call, first, last in reversed(rows)}
        return [known.get(call) for call in calls]

    async def pending(self) -> AsyncIterator[list[bytes]]:
        """The events of calls whose tokens are not known yet."""
        await self.recounted.run("waiting events", PHASES)
        number = 0
        waiting: list[bytes] = []
        async for text, _ in ledger_pieces(self.ledger.stamped_blocks(self.recounted.day, self.extent)):
            positions = await self._positions(number)
            waiting += [
                raw
                for position, raw in enumerate(text.removesuffix(b"\n").split(b"\n"), number * MAX_EVENTS)
                if position in positions
            ]
            while len(waiting) >= CALLS_AT_ONCE:
                yield waiting[:CALLS_AT_ONCE]
                waiting = waiting[CALLS_AT_ONCE:]
            number += 1
        if waiting:
            yield waiting

    async def beyond(self) -> Mapping[str, int]:
        """The ledger has every call."""
        return {}

    async def _positions(self, piece: int) -> set[int]:
        bounds = {"first": piece * MAX_EVENTS, "last": (piece + 1) * MAX_EVENTS - 1}
        rows = await self.recounted.run("waiting positions", bounds)
        return {row[0] for row in rows}


@asynccontextmanager
async def known_day(
    counter: Counter, ledger: Ledger, books: Books, day: UtcDay, now: datetime, *, by_ledger: bool
) -> AsyncIterator[KnownDay | None]:
    """A day; None where Redis counts it no more, unless it may be recounted `by_ledger`."""
    async with AsyncExitStack() as stack:
        known: KnownDay | None = None
        if is_open(day, now):
            epoch = await counter.epoch(day)
            is_whole = is_counted_whole(await books.postings(day), epoch, books.shards)
            known = CountedDay(counter, day, epoch, is_whole)
        if by_ledger and (known is None or not known.is_whole or await known.beyond()):
            extent = await ledger.extent(day)
            recounted = await stack.enter_async_context(recount(ledger, day, workers=0, within=extent))
            known = RecountedDay(recounted, ledger, extent)
        yield known
