"""Which parts the ledger of an open day has ever had, so that a lost one is noticed even before the first audit.

Events are acknowledged as soon as they are in a part of the ledger, and a day's first audit comes hours later. Every
posting therefore looks which parts the open days have. The names are enough: a part that is there and has lost appends
says so itself.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime

from chargeback.domain.errors import Superseded
from chargeback.domain.time.days import UtcDay
from chargeback.log_line import log_line
from chargeback.services.ports.control import Control
from chargeback.services.ports.ledger import Ledger
from chargeback.services.running.bulkheads import do_each
from chargeback.services.usage.ingest import open_days

log = logging.getLogger(__name__)

KIND = "ledger-parts"


class LedgerParts:
    """Remembers the names of the parts; the only owner of the documents of this kind."""

    def __init__(self, ledger: Ledger, control: Control) -> None:
        self._ledger = ledger
        self._control = control

    async def look(self, now: datetime) -> None:
        """Remember the parts of every open day. Raises `SomeFailed` after all days were tried."""
        await do_each("looking at the ledger", open_days(now), self._look_at)

    async def known(self, day: UtcDay) -> frozenset[str]:
        """The parts that the day has ever had, as far as anybody looked."""
        found = await self._control.get_versioned(KIND, day)
        return frozenset(found[0]["parts"]) if found else frozenset()

    async def lost(self, day: UtcDay) -> frozenset[str]:
        """The parts that the day had and has no more."""
        known = await self.known(day)
        return known - (await self._ledger.extent(day)).keys() if known else known

    async def forget(self, day: UtcDay, gone: Collection[str]) -> None:
        """These parts are gone for good, and somebody has accepted that."""
        await self._change(day, without=gone)

    async def _look_at(self, day: UtcDay) -> None:
        there = (await self._ledger.extent(day)).keys()
        known = await self.known(day)
        if lost := known - there:
            log_line(
                log, "ledger_short", level=logging.ERROR, day=day, reason=f"{len(lost)} parts are gone: {min(lost)}"
            )
        if there - known:
            await self._change(day, there)

    async def _change(self, day: UtcDay, more: Iterable[str] = (), *, without: Collection[str] = ()) -> None:
        while True:
            known = await self._control.get_versioned(KIND, day)
            before = frozenset(known[0]["parts"]) if known else frozenset()
            parts = sorted((before | set(more)) - set(without))
            try:
                await self._control.swap(KIND, day, {"parts": parts}, known[1] if known else None)
            except Superseded:
                continue
            return
