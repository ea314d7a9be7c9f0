"""Tells what keeps a period from closing now: what a closing would find, without doing anything."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chargeback.domain.periods.lifecycle import ClosingStatus, PeriodState, firm_obstacles
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.periods.open_items import Excess, OpenItems
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.closing.approve_period import signatures_of
from chargeback.services.closing.file_period import draft_manifest
from chargeback.services.closing.finish_days import ClosingBooks, old_exchange_rates
from chargeback.services.closing.remedies import AUDIT
from chargeback.services.closing.unverified_gate import unverified_excess
from chargeback.services.ports.control import Version
from chargeback.services.ports.reports import Reports
from chargeback.services.running.day_fence import fence_of_day

_AT_ONCE = 16
_MOST_KEPT = 1_000
"""How many days are remembered."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that keeps a period open.

    Attributes:
        fact: what is wrong, with its numbers.
        remedy: what to do about it; empty where the fact says it.
        is_firm: no override removes it.
        parts: what it is about → how much there is of it.
    """

    kind: ObstacleKind
    fact: str
    remedy: str = ""
    is_firm: bool = False
    parts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClosingOutlook:
    """Looks at periods; remembers what each day had open as long as its records stay as they are.

    Attributes:
        reports: where the drafts are.
    """

    closing_books: ClosingBooks
    reports: Reports
    _known: dict[tuple[Month, UtcDay, str], OpenItems] = field(default_factory=dict)

    async def of(self, period: Month, now: datetime, closer: str | None = None) -> list[Obstacle]:
        """What keeps a period open for somebody who would close it, or for the timer; nothing keeps a closed one.

        An exchange rate that is too old keeps the timer alone from closing.
        """
        books = self.closing_books
        if (await books.periods.get(period))[0].state is PeriodState.CLOSED:
            return []
        version = await books.catalogues.version()
        days = version.catalogue.calendar.utc_days(period)
        firm, (_, unsigned), made, left, found = await asyncio.gather(
            self._firm(period, days, version, now),
            signatures_of(books.periods, books.catalogues, period, version, closer),
            draft_manifest(period, self.reports),
            books.left_aside(period, days),
            self._open_items(period, version.catalogue.calendar),
        )
        items = [
            *left,
            *await books.excess(period, version, found),
            *(unverified_excess(made, version.terms.closing) if made else ()),
            *(old_exchange_rates(period, version) if closer is None else ()),
        ]
        return [
            *firm,
            *(Obstacle(ObstacleKind.APPROVAL, each, is_firm=True) for each in unsigned),
            *map(_obstacle, items),
        ]

    async def _firm(self, period: Month, days: Sequence[UtcDay], version: Version, now: datetime) -> list[Obstacle]:
        books, calendar = self.closing_books, version.catalogue.calendar
        ends = calendar.bounds(period)[1]
        oldest = (await books.periods.open_periods(now, calendar))[0]
        status = ClosingStatus(period, ends, ends + version.terms.closing.grace, oldest)
        if now >= ends:
            status = replace(status, unaudited=await books.auditor.unaudited_days(days, ends))
        found = firm_obstacles(status, now, by_timer=False, remedy=AUDIT)
        # A closing audits these days itself, so they alone keep nobody from asking for one.
        return [Obstacle(kind, fact, is_firm=kind is not ObstacleKind.UNAUDITED) for kind, fact in found]

    async def _open_items(self, period: Month, calendar: Calendar) -> OpenItems:
        turns, items = asyncio.Semaphore(_AT_ONCE), OpenItems()

        async def of_day(day: UtcDay) -> OpenItems:
            async with turns:
                return await self._of_day(day, period, calendar)

        for found in await asyncio.gather(*map(of_day, calendar.utc_days(period))):
            items.merge(found)
        return items

    async def _of_day(self, day: UtcDay, period: Month, calendar: Calendar) -> OpenItems:
        books = self.closing_books
        if not (fence := await fence_of_day(books.books, day)):
            return OpenItems()
        key = (period, day, fence)
        if (known := self._known.get(key)) is None:
            known = await books.open_items_of(day, period, calendar)
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[key] = known
        return known


def _obstacle(item: Excess) -> Obstacle:
    return Obstacle(item.kind, item.fact, item.remedy, parts=item.parts)
