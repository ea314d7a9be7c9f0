"""Which billing periods exist, and in which order they close."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.domain.time.calendar import Calendar, next_period
from chargeback.domain.time.days import start_of
from chargeback.domain.time.months import Month
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Control
from chargeback.services.ports.ledger import Ledger


class Periods(PeriodDocuments):
    """The documents of the periods, and those periods that have none yet but days in the ledger."""

    def __init__(self, control: Control, ledger: Ledger) -> None:
        super().__init__(control)
        self._ledger = ledger

    async def open_periods(self, now: datetime, calendar: Calendar) -> list[Month]:
        """The periods that are not closed, ascending and without gaps, up to the one of `now`.

        They begin after the last closed one, or with the first day of the ledger.
        """
        closed = await self.closed()
        current = calendar.period_of(now)
        first = next_period(closed[-1].month) if closed else await self._first(calendar) or current
        periods = []
        while first <= current:
            periods.append(first)
            first = next_period(first)
        return periods

    async def first(self, now: datetime, calendar: Calendar) -> Month:
        """The period that the books begin with."""
        closed = await self.closed()
        return closed[0].month if closed else (await self.open_periods(now, calendar))[0]

    async def before_the_books(self, calendar: Calendar, closed: Sequence[BillingPeriod]) -> list[Month]:
        """Periods with usage that came after a later period was closed as the first; nothing was billed for them."""
        if not closed:
            return []
        days = await self._ledger.days()
        periods = {
            calendar.period_of(moment)
            for day in days
            for moment in (start_of(day), start_of(day) + timedelta(hours=23))
        }
        return sorted(period for period in periods if period < closed[0].month)

    async def _first(self, calendar: Calendar) -> Month | None:
        days = await self._ledger.days()
        return calendar.period_of(start_of(days[0])) if days else None
