"""Keeps the index of stored objects beside the ledger: who owns what a call made."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence

from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.stored_objects import StoredObject, objects_in
from chargeback.log_line import log_line
from chargeback.services.bulkheads import do_each
from chargeback.services.ports import DayMarks, Ledger, StoredObjects

log = logging.getLogger(__name__)

WRITE_SECONDS = 3.0
"""How long events wait for the index; they are in the ledger by then, so it can follow later."""

LEFT_ALONE_SECONDS = 30.0
"""So long a store that failed is not asked again: every event would wait for it."""

FIND_SECONDS = 1.5
"""The gateway gives up after 2 s."""


class ObjectIndex:
    """What the ledger says of stored objects, by their id.

    Metering waits for it for a moment at most: a day whose objects could not be written is marked, and read again from
    the ledger by `catch_up`. When events are acknowledged, their objects are in the index or their day is marked.
    """

    def __init__(self, ledger: Ledger, objects: StoredObjects, marks: DayMarks) -> None:
        self._ledger = ledger
        self._objects = objects
        self._marks = marks
        self._left_alone_until = float("-inf")

    async def note(self, day: str, raw_events: Sequence[bytes]) -> None:
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

    async def find(self, ids: Collection[str]) -> Mapping[str, StoredObject]:
        """Those of the objects that are known. Raises `StoreUnavailable`."""
        try:
            async with asyncio.timeout(FIND_SECONDS):
                return await self._objects.find(ids)
        except TimeoutError:
            raise StoreUnavailable(f"the owners of objects did not come within {FIND_SECONDS} s") from None

    async def catch_up(self) -> list[int]:
        """Index the days that are marked; each is tried whatever becomes of the others. Gives the objects of each."""
        marks = await self._marks.all()

        async def one(day: str) -> int:
            count = await self.rebuild(day)
            await self._marks.unmark(day, marks[day])
            return count

        return await do_each("indexing objects of", sorted(marks), one)

    async def rebuild(self, day: str) -> int:
        """Index whatever the day's ledger says, and how many objects that is; known ones stay as they are."""
        count = 0
        async for block in self._ledger.blocks(day):
            made = objects_in(block.splitlines())
            await self._objects.add(made)
            count += len(made)
        return count
