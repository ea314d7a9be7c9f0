"""Which days must be rated again after a catalogue changed."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from chargeback.domain.catalogue.changes import CatalogueChanges
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import month_of
from chargeback.services.ports.ledger import Ledger
from chargeback.services.usage.ingest import is_open

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Repost:
    """The days with usage that the changes touch.

    Attributes:
        posted: days still counted in Redis: the next posting rates them again.
        audited: older days: the next audit recounts them from the ledger and corrects the books.
        closed: the closed periods that the days belong to: usage that was rated there stays as it is.
    """

    posted: tuple[UtcDay, ...] = ()
    audited: tuple[UtcDay, ...] = ()
    closed: tuple[str, ...] = ()


async def plan_repost(
    ledger: Ledger, changes: CatalogueChanges, calendar: Calendar, closed: Collection[str], now: datetime
) -> Repost:
    """The days to rate again: those of open periods, and those of closed ones whose usage may have had no price."""
    touched = [day for day in await ledger.days() if changes.touch(day)]
    periods = {day: {month_of(date) for date in calendar.dates(day)} for day in touched}
    due = [day for day in touched if not periods[day] <= set(closed) or changes.fill(day)]
    return Repost(
        posted=tuple(day for day in due if is_open(day, now)),
        audited=tuple(day for day in due if not is_open(day, now)),
        closed=tuple(sorted({each for day in touched for each in periods[day]} & set(closed))),
    )


async def put_in_force(apply: Callable[[], Awaitable[Result]], ledger: Ledger, repost: Repost) -> Result:
    """Apply the configuration, with the older days marked for the audit.

    The days are marked before, so that none is forgotten if this ends half way, and again afterwards: an audit that ran
    in between cleared the mark while using the old catalogue.
    """
    for day in repost.audited:
        await ledger.mark(day)
    result = await apply()
    for day in repost.audited:
        await ledger.mark(day)
    return result
