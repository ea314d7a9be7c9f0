"""The billing periods as the control documents keep them, and the order in which they close."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from chargeback.domain.calendar import Calendar, next_period
from chargeback.domain.lifecycle import Period, State
from chargeback.services.ports import Control, Ledger

KIND = "period"


class Periods:
    """Reads and sets the documents of periods."""

    def __init__(self, control: Control, ledger: Ledger) -> None:
        self._control = control
        self._ledger = ledger

    async def get(self, period: str) -> tuple[Period, str | None]:
        """The period with the token of its document; open and None where it has none."""
        known = await self._control.get_versioned(KIND, period)
        return (msgspec.convert(known[0], Period), known[1]) if known else (Period(period), None)

    async def swap(self, period: Period, after: str | None) -> str:
        """Set the period's document. Raises `Superseded` if another run set it since `after`."""
        return await self._control.swap(KIND, period.period, msgspec.to_builtins(period), after)

    async def closed(self) -> list[Period]:
        """The closed periods, ascending."""
        documents = await self._control.all(KIND)
        known = [msgspec.convert(document, Period) for document in documents]
        return [period for period in known if period.state is State.CLOSED]

    async def open(self, now: datetime, calendar: Calendar) -> list[str]:
        """The periods that are not closed, ascending and without gaps, up to the one of `now`.

        They begin after the last closed one, or with the first day of the ledger.
        """
        closed = await self.closed()
        current = calendar.period_of(now)
        first = next_period(closed[-1].period) if closed else await self._first(calendar) or current
        periods = []
        while first <= current:
            periods.append(first)
            first = next_period(first)
        return periods

    async def before_the_books(self, calendar: Calendar, closed: Sequence[Period]) -> list[str]:
        """Periods with usage that came after a later period was closed as the first one; nothing was billed of them."""
        if not closed:
            return []
        days = await self._ledger.days()
        periods = {calendar.period_of(moment) for day in days for moment in (_midnight(day), _midnight(day, hour=23))}
        return sorted(period for period in periods if period < closed[0].period)

    async def _first(self, calendar: Calendar) -> str | None:
        days = await self._ledger.days()
        return calendar.period_of(_midnight(days[0])) if days else None


def _midnight(day: str, *, hour: int = 0) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC, hour=hour)
