"""Reads what each cost centre spent in each hour of some days, from the hourly document of each day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chargeback.domain.money.exact import ZERO
from chargeback.domain.time.days import UtcDay, days_between, shifted
from chargeback.services.ports.books import HOURS, Books

PATTERN_DAYS = 28
"""How many days before a day are its pattern."""

_NOTHING = (ZERO,) * 24


@dataclass(frozen=True, slots=True)
class HoursOfDay:
    """The hours of a UTC day: cost centre → the exact cost of each. A day without a document has no spend."""

    day: UtcDay
    currencies: tuple[str, ...]
    by_centre: Mapping[str, tuple[Decimal, ...]]

    @property
    def is_weekend(self) -> bool:
        """Saturday or Sunday."""
        return date.fromisoformat(self.day).weekday() >= 5

    def costs(self, centre: str) -> Sequence[Decimal]:
        """The costs of the hours 0 to 23."""
        return self.by_centre.get(centre, _NOTHING)


async def read_hours(books: Books, first: UtcDay, last: UtcDay) -> list[HoursOfDay]:
    """The UTC days from `first` to `last`, and before them those of their pattern."""
    return [await _read(books, day) for day in days_between(shifted(first, -PATTERN_DAYS), last)]


async def _read(books: Books, day: UtcDay) -> HoursOfDay:
    known = await books.summary(day, HOURS)
    if known is None:
        return HoursOfDay(day, (), {})
    centres = {centre: tuple(map(Decimal, costs)) for centre, costs in known[0]["costCentres"].items()}
    return HoursOfDay(day, tuple(known[0]["currencies"]), centres)
