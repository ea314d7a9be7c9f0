"""What comes before closing: all that the ledger has of a period enters its books, and what keeps it open is named."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chargeback.domain.calendar import Calendar
from chargeback.domain.errors import ClosingRefused
from chargeback.domain.lifecycle import Standing, refusals
from chargeback.domain.meters import Meter
from chargeback.domain.open_items import OpenItems, beyond_tolerance
from chargeback.services.closing.periods import Periods
from chargeback.services.ports import Books, Catalogues
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.ingest import is_open
from chargeback.services.usage.post import Poster

_NOT_BILLED_EXACTLY = ("unpriced", "unsettled")


@dataclass(frozen=True, slots=True)
class Order:
    """Who closes a period and when.

    Attributes:
        by: a name, for the history.
        now: UTC.
        override: why the period is closed although usage is unsettled or unpriced beyond the tolerance; else empty.
        by_timer: whether the grace period has to be over.
    """

    by: str
    now: datetime
    override: str = ""
    by_timer: bool = False


@dataclass(frozen=True, slots=True)
class Days:
    """The days of periods that are about to close."""

    periods: Periods
    books: Books
    catalogues: Catalogues
    poster: Poster
    auditor: Auditor

    async def require_closable(self, period: str, order: Order) -> tuple[str, ...]:
        """Make the days final; returns what is beyond the tolerance, and overridden.

        Raises `ClosingRefused` with every reason at once.
        """
        calendar = (await self.catalogues.current()).calendar
        rules = (await self.catalogues.terms()).closing
        ends = calendar.bounds(period)[1]
        oldest = (await self.periods.open(order.now, calendar))[0]
        standing = Standing(period, ends, ends + rules.grace, oldest)
        reasons = refusals(standing, order.now, by_timer=order.by_timer)
        if not reasons:
            unaudited = await self.finish(period, order.now)
            reasons = refusals(replace(standing, unaudited=unaudited), order.now, by_timer=order.by_timer)
        items = beyond_tolerance(await open_items(self.books, period, calendar), rules)
        if reasons or (items and not order.override):
            named = [f"{each.fact}; {each.remedy}" for each in items]
            raise ClosingRefused(period, [*reasons, *named], can_override=not reasons)
        return tuple(each.fact for each in items)

    async def finish(self, period: str, now: datetime) -> Sequence[str]:
        """Audit what was not audited since the period ended, post what is still counted; returns what is left over."""
        in_force = await self.catalogues.in_force()
        calendar = in_force.current.calendar
        days, ends = calendar.utc_days(period), calendar.bounds(period)[1]
        for day in await self.auditor.unaudited(days, ends):
            await self.auditor.audit_day(day, now)
        for day in days:
            if is_open(day, now):
                await self.poster.post_day(day, in_force)
        return await self.auditor.unaudited(days, ends)


async def open_items(books: Books, period: str, calendar: Calendar) -> OpenItems:
    """What of a period cannot be billed exactly yet; reads the records of those days alone that have any of it."""
    items = OpenItems()
    for day in calendar.utc_days(period):
        summary = await books.summary(day)
        if summary is None:
            continue
        total = summary[0]["total"]
        is_whole = all(date.startswith(period) for date in calendar.dates(day))
        if is_whole and not any(state in total["states"] for state in _NOT_BILLED_EXACTLY):
            items.requests += total["quantities"].get(Meter.REQUESTS.value, 0)
            continue
        async for page in books.records(day):
            items.add(page, period)
    return items
