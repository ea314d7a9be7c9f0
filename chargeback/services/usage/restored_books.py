"""Whether Cosmos DB was restored to an earlier point: then what Redis calls posted is not, and audits are undone.

Each run of the posting leaves a mark of its own in Cosmos DB and in Blob storage. One that Blob storage does not expect
is of an earlier run. Blob storage is told what will be written before it is, so a run that dies in between alarms
nobody.
"""

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from chargeback.domain.errors import StoreUnavailable, Superseded
from chargeback.log_line import log_line
from chargeback.services.ports import Control, Counter, Ledger
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

    @asynccontextmanager
    async def watching(self, now: datetime) -> AsyncIterator[None]:
        """Around a run of the posting, which goes on where a store of the marks is away."""
        try:
            await self._look(now)
        except StoreUnavailable as error:
            log_line(log, "restored_books_unknown", level=logging.WARNING, reason=error)
            yield
            return
        try:
            yield
        finally:
            with suppress(StoreUnavailable):
                await self._say_that_a_run_ended()

    async def _look(self, now: datetime) -> None:
        """Have every open day posted whole and every older one audited if the books are of an earlier point."""
        expected = (await self._ledger.noted()).split()
        found, _ = await self._latest()
        if not expected or found in expected:
            return
        older = [day for day in await self._ledger.days() if not is_open(day, now)]
        log_line(log, "books_restored", level=logging.WARNING, days_to_audit=len(older))
        for day in older:
            await self._ledger.mark(day)
        for day in open_days(now):
            await self._counter.touch(day)

    async def _say_that_a_run_ended(self) -> None:
        """What the books hold from now on is expected to stay."""
        while True:
            found, token = await self._latest()
            mark = secrets.token_hex(8)
            await self._ledger.note(f"{found} {mark}")
            try:
                await self._control.swap(KIND, _NAME, {"run": mark}, token)
            except Superseded:
                continue
            await self._ledger.note(mark)
            return

    async def _latest(self) -> tuple[str, str | None]:
        known = await self._control.get_versioned(KIND, _NAME)
        return (str(known[0]["run"]), known[1]) if known else ("none", None)
