"""Whether Cosmos DB was restored to an earlier point, so that all days have to be posted and audited again.

Whoever writes the books leaves a mark in Cosmos DB before and after, so that any earlier point has another one. Blob
storage has the marks that may be there. The mark in Cosmos DB is among them at every moment, with any number of writers
and a kill between any two steps: a mark is announced before it is set, and taken from the list only by a writer whose
own mark was set since and who sees that nobody announced another. Every write is on condition of what was read.

A restore to a point within a killed run goes unnoticed if no run began in between: the next audit corrects that.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from chargeback.domain.errors import StoreUnavailable, Superseded
from chargeback.log_line import log_line
from chargeback.services.ports.control import Control
from chargeback.services.ports.counter import Counter
from chargeback.services.ports.ledger import Ledger
from chargeback.services.running.together import together
from chargeback.services.usage.ingest import is_open, open_days

log = logging.getLogger(__name__)

KIND = "posting-run"
_NAME = "latest"


class RestoredBooks:
    """The only owner of the document of this kind."""

    def __init__(self, ledger: Ledger, counter: Counter, control: Control) -> None:
        self._ledger = ledger
        self._counter = counter
        self._control = control
        self._one_marks = asyncio.Lock()

    @asynccontextmanager
    async def watching(self, now: datetime) -> AsyncIterator[None]:
        """Around whatever writes the books, which goes on where a store of the marks is away."""
        await self._mark_if_possible(now)
        try:
            yield
        finally:
            await self._mark_if_possible(now)

    async def _mark_if_possible(self, now: datetime) -> None:
        mark = secrets.token_hex(8)
        try:
            async with self._one_marks:
                while not await self._mark(mark, now):
                    pass
        except StoreUnavailable as error:
            log_line(log, "restored_books_unknown", level=logging.WARNING, reason=error)

    async def _mark(self, mark: str, now: datetime) -> bool:
        """Set the mark; have all posted and audited first if the books are of an earlier point.

        False if another writer came between.
        """
        # In any order: whatever changes between the two readings, one of the writes below comes too late.
        (listed, noted), (found, token) = await together(self._ledger.latest_note(), self._latest())
        marks = listed.split()
        try:
            if marks and found not in marks:
                # What was read may be of a replica that lags behind: only the latest can be replaced.
                token = await self._control.swap(KIND, _NAME, {"run": found}, token)
                if (await self._ledger.latest_note())[1] != noted:
                    return False
                await self._go_through_all_days(now)
            noted = await self._ledger.note(" ".join(dict.fromkeys([*(marks or [found]), mark])), noted)
            await self._control.swap(KIND, _NAME, {"run": mark}, token)
            await self._ledger.note(mark, noted)
        except Superseded:
            return False
        return True

    async def _go_through_all_days(self, now: datetime) -> None:
        """Have every open day posted whole and every older one audited."""
        older = [day for day in await self._ledger.days() if not is_open(day, now)]
        log_line(log, "books_restored", level=logging.WARNING, days_to_audit=len(older))
        for day in older:
            await self._ledger.mark(day)
        for day in open_days(now):
            await self._counter.touch(day)

    async def _latest(self) -> tuple[str, str | None]:
        known = await self._control.get_versioned(KIND, _NAME)
        return (str(known[0]["run"]), known[1]) if known else ("none", None)
