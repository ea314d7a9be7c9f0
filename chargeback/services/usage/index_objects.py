"""Keeps an index of who owns each stored object, made from the ledger's events."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence

from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.events.stored_objects import StoredObject, all_objects_in, objects_in
from chargeback.domain.time.days import UtcDay
from chargeback.log_line import log_line
from chargeback.services.ports.books import StoredObjects
from chargeback.services.ports.ledger import DayMarks, Ledger
from chargeback.services.running.bulkheads import do_each

log = logging.getLogger(__name__)

WRITE_SECONDS = 3.0
"""How long events wait for the index; they are in the ledger by then, so it can follow later."""

LEFT_ALONE_SECONDS = 30.0
"""How long a store that failed is left alone: every event would wait for it."""

FIND_SECONDS = 1.5
"""The gateway gives up after 2 s."""

AT_ONCE = 32
"""How many objects are looked up before the unknown ones are counted again."""

CATCH_UP_SECONDS = 300.0
"""After this time a run begins no further block of a ledger; the next run goes on there. About a million objects."""


class ObjectIndex:
    """The stored objects that the ledger names, by their id.

    Metering waits for it for a moment at most: a day whose objects could not be written is marked, and read again from
    the ledger by `catch_up`. When events are acknowledged, their objects are in the index or their day is marked.
    """

    def __init__(self, ledger: Ledger, objects: StoredObjects, marks: DayMarks) -> None:
        self._ledger = ledger
        self._objects = objects
        self._marks = marks
        self._left_alone_until = float("-inf")
        self._reached: dict[str, tuple[str, int]] = {}
        """Progress of a day that takes several runs: the mark of its first run, and how many blocks are done."""

    async def note(self, day: UtcDay, raw_events: Sequence[bytes]) -> None:
        """Keep what these events of the day's ledger made. Raises `StoreUnavailable` if not even the mark is kept."""
        made = objects_in(raw_events)
        if not made:
            return
        if time.monotonic() >= self._left_alone_until:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._objects.add(made)
            except (StoreUnavailable, TimeoutError) as error:
                self._left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
                log_line(log, "objects_not_indexed", level=logging.WARNING, day=day, objects=len(made), reason=error)
            else:
                return
        await self._marks.mark(day)

    async def find(self, ids: Collection[str], unknown: int | None = None) -> Mapping[str, StoredObject]:
        """The objects among these that are known. Raises `StoreUnavailable`.

        `unknown`: after more unknown ids than that the others are left, as if they were unknown, too.
        """
        try:
            async with asyncio.timeout(FIND_SECONDS):
                return await self._find(list(dict.fromkeys(ids)), len(ids) if unknown is None else unknown)
        except TimeoutError:
            raise StoreUnavailable(f"the owners of objects did not come within {FIND_SECONDS} s") from None

    async def _find(self, ids: Sequence[str], unknown: int) -> Mapping[str, StoredObject]:
        found: dict[str, StoredObject] = {}
        for start in range(0, len(ids), AT_ONCE):
            if start - len(found) > unknown:
                break
            found |= await self._objects.find(ids[start : start + AT_ONCE])
        return found

    async def catch_up(self) -> list[int]:
        """Index the days that are marked; each is tried whatever becomes of the others. Gives the objects of each.

        What takes longer than `CATCH_UP_SECONDS` stays marked, and is gone on with by the next run.
        """
        marks = await self._marks.all()
        until = time.monotonic() + CATCH_UP_SECONDS

        async def one(day: UtcDay) -> int:
            return await self._go_on(day, marks[day], until)

        return await do_each("indexing objects of", sorted(marks), one)

    async def _go_on(self, day: UtcDay, mark: str, until: float) -> int:
        first_mark, done = self._reached.get(day, (mark, 0))
        count = position = 0
        async for block in self._ledger.blocks(day):
            position += 1
            if position <= done:
                continue
            if time.monotonic() >= until:
                return count
            count += await self._index(block)
            self._reached[day] = (first_mark, position)
        self._reached.pop(day, None)
        await self._marks.unmark(day, first_mark)
        return count

    async def rebuild(self, day: UtcDay) -> int:
        """Index whatever the day's ledger says, and how many objects that is; known ones stay as they are."""
        return sum([await self._index(block) async for block in self._ledger.blocks(day)])

    async def _index(self, block: bytes) -> int:
        """A read costs a fifth of a write, so only what is missing is written."""
        made = all_objects_in(block.splitlines())
        known = await self._objects.find([each.id for each in made])
        await self._objects.add([each for each in made if each.id not in known])
        return len(made)
