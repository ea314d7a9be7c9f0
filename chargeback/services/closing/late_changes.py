"""Which closed periods changed since they were billed, and on which days; the oldest open period corrects them."""

from collections.abc import Sequence
from dataclasses import dataclass

from chargeback.domain.periods.lifecycle import fence_of, latest_fences, latest_true_up
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.books import Books
from chargeback.services.reconciling.true_up_documents import TrueUps


@dataclass(frozen=True, slots=True)
class LateChange:
    """A closed period whose books or whose true-up changed since its figures were last billed.

    Attributes:
        period: the closed period, YYYY-MM.
        days: UTC day → fence of its books, with the configuration that corrects the period, if one does.
        true_up: identifies its true-up as it is, with the configuration that corrects the period.
        billed: the closed periods whose files say what was billed for it so far: itself and every later one.
    """

    period: Month
    days: dict[UtcDay, str]
    billed: tuple[Month, ...]
    true_up: str = ""


async def late_changes(periods: Periods, books: Books, calendar: Calendar) -> list[LateChange]:
    """The changes of closed periods since they were billed; the oldest open period carries them as corrections."""
    closed = await periods.closed()
    names = [period.month for period in closed]
    corrected = {each.month: f"@{each.version}" for each in closed if each.version != each.closed_with}
    true_ups = await TrueUps(periods.control).digests()
    changes = []
    for period in [*await periods.before_the_books(calendar, closed), *names]:
        billed_from = latest_fences(closed, period)
        # A configuration may change what its books are converted at, and how costs are shared, on every day.
        by = corrected.get(period, "")
        fences = {day: fence + by for day, fence in (await fences_of(books, calendar.utc_days(period))).items()}
        days = {day: fence for day, fence in fences.items() if billed_from.get(day, "") != fence}
        true_up = true_ups.get(period, "") + by
        if days or true_up != latest_true_up(closed, period):
            changes.append(LateChange(period, days, tuple(name for name in names if name >= period), true_up))
    return changes


async def fences_of(books: Books, days: Sequence[UtcDay]) -> dict[UtcDay, str]:
    """UTC day → one fence for all its shards, which changes with every write; none for days never written."""
    postings = await books.postings_of(days)
    return {
        day: fence_of({shard: posting.token for shard, posting in postings[day].items()})
        for day in days
        if day in postings
    }
