"""Which dates of the books a budget's window covers: a day, a week, a billing month, a quarter or a year."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache


class Every(StrEnum):
    """How long a budget's window is; then the budget begins again."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_MONTHS = {Every.MONTH: 1, Every.QUARTER: 3, Every.YEAR: 12}


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Dates of the books from `first` (inclusive) until `after` (exclusive).

    Weeks begin on Monday (ISO 8601), quarters in January, April, July and October, years in January.
    """

    first: date
    after: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.after

    def dates(self) -> Iterator[date]:
        """Each date, ascending."""
        for number in range((self.after - self.first).days):
            yield self.first + timedelta(days=number)

    def __str__(self) -> str:
        return f"{self.first} to {self.after - timedelta(days=1)}"


@lru_cache(maxsize=16_384)
def window_of(every: Every, day: date) -> Window:
    """The window that a date lies in; kept, because thousands of budgets ask for the same ones."""
    if every is Every.DAY:
        return Window(day, day + timedelta(days=1))
    if every is Every.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Window(monday, monday + timedelta(days=7))
    months = _MONTHS[every]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return Window(first, _months_later(first, months))


def windows_between(every: Every, first: date, last: date) -> Iterator[Window]:
    """The windows from that of one date to that of another, ascending; none where `last` is before `first`."""
    window = window_of(every, first)
    while window.first <= last:
        yield window
        window = window_of(every, window.after)


def _months_later(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)
