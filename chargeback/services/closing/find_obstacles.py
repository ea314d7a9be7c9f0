"""Tells what keeps a period from closing now: what a closing would find, without doing anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chargeback.domain.periods.lifecycle import ClosingStatus, PeriodState, firm_obstacles
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.periods.open_items import Excess, OpenItems
from chargeback.domain.rating.promises import Expired
from chargeback.domain.time.days import UtcDay, utc_day
from chargeback.domain.time.months import Month
from chargeback.services.closing.approve_period import signatures_of
from chargeback.services.closing.expired_promises import expired_prices, read_expired
from chargeback.services.closing.file_period import draft_manifest
from chargeback.services.closing.finish_days import ClosingBooks, exchange_rates_of
from chargeback.services.closing.late_changes import fences_of
from chargeback.services.closing.parallel import for_each
from chargeback.services.closing.remedies import AUDIT
from chargeback.services.closing.unverified_gate import unverified_excess
from chargeback.services.ports.control import Version
from chargeback.services.ports.reports import Reports
from chargeback.services.running.together import together

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
class _FoundInDay:
    """What the records of one day say of a period.

    Attributes:
        items: its usage that cannot be billed exactly yet.
        expired: its usage that was rated by prices whose promise had ended.
    """

    items: OpenItems
    expired: Expired


@dataclass(frozen=True, slots=True)
class ClosingOutlook:
    """Looks at periods; remembers what was found in each day as long as its records and the configuration stay.

    Attributes:
        reports: where the drafts are.
    """

    closing_books: ClosingBooks
    reports: Reports
    _known: dict[tuple[str, Month, UtcDay, str], _FoundInDay] = field(default_factory=dict)

    async def of(self, period: Month, now: datetime, closer: str | None = None) -> list[Obstacle]:
        """What keeps a period open for somebody who would close it, or for the timer; nothing keeps a closed one.

        An exchange rate that is too old keeps the timer alone from closing.
        """
        books = self.closing_books
        if (await books.periods.get(period))[0].state is PeriodState.CLOSED:
            return []
        version = await books.catalogues.version()
        days = version.catalogue.calendar.utc_days(period)
        firm, (_, unsigned), made, left, found = await together(
            self._firm(period, days, version, now),
            signatures_of(books.periods, books.catalogues, period, version, closer),
            draft_manifest(period, self.reports),
            books.left_aside(period, days),
            self._found(period, [day for day in days if _may_have_usage(day, now)], version),
        )
        missing_rates, old_rates = exchange_rates_of(period, version)
        items = [
            *left,
            *await books.excess(period, version, found.items, found.expired),
            *(unverified_excess(made, version.terms.closing) if made else ()),
            *(old_rates if closer is None else ()),
        ]
        return [
            *firm,
            *(Obstacle(ObstacleKind.APPROVAL, each, is_firm=True) for each in unsigned),
            *(Obstacle(ObstacleKind.RATE, each, is_firm=True) for each in missing_rates),
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

    async def _found(self, period: Month, days: Sequence[UtcDay], version: Version) -> _FoundInDay:
        fences = await fences_of(self.closing_books.books, days)
        found: dict[UtcDay, _FoundInDay] = {}

        async def look(day: UtcDay) -> None:
            found[day] = await self._of_day(day, fences[day], period, version)

        await for_each(fences, look)
        month = _FoundInDay(OpenItems(), expired_prices(period, version.catalogue))
        for day in fences:  # in their order, by which the first of several that are alike is named
            month.items.merge(found[day].items)
            month.expired.merge(found[day].expired)
        return month

    async def _of_day(self, day: UtcDay, fence: str, period: Month, version: Version) -> _FoundInDay:
        books, catalogue = self.closing_books, version.catalogue
        key = (version.name, period, day, fence)
        if (known := self._known.get(key)) is None:
            known = _FoundInDay(
                await books.open_items_of(day, period, catalogue.calendar),
                await read_expired(books.books, period, catalogue, [day]),
            )
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[key] = known
        return known


def _may_have_usage(day: UtcDay, now: datetime) -> bool:
    """Not a day that has not begun, with room for a clock that is ahead."""
    return day <= utc_day(now + timedelta(days=1))


def _obstacle(item: Excess) -> Obstacle:
    return Obstacle(item.kind, item.fact, item.remedy, parts=item.parts)
