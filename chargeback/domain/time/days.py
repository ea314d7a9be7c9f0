"""Two types for two kinds of day that must not be confused: the UTC day of a call and the date of the books.

They differ by the hours between UTC and the time zone of the books. Both are strings, because they are keys and
columns; what makes one from a moment or from what somebody wrote is here and in `calendar`.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NewType, TypeVar, cast

UtcDay = NewType("UtcDay", str)
"""YYYY-MM-DD in UTC: the unit of the ledger, of counting, of posting and of the audit."""

BookDate = NewType("BookDate", str)
"""YYYY-MM-DD in the time zone of the books: what charges, statements, forecasts and billing periods are by."""

D = TypeVar("D", UtcDay, BookDate)


def utc_day(moment: datetime) -> UtcDay:
    """The UTC day of a moment."""
    return UtcDay(moment.astimezone(UTC).date().isoformat())


@lru_cache(maxsize=1024)
def start_of(day: UtcDay) -> datetime:
    """The first moment of a UTC day."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@lru_cache(maxsize=1024)
def hour_starts(day: UtcDay) -> tuple[datetime, ...]:
    """The first moment of each hour of a UTC day, 0 to 23."""
    return tuple(start_of(day) + timedelta(hours=hour) for hour in range(24))


def shifted(day: D, days: int) -> D:
    """The day or date so many days later, or earlier for a negative number."""
    return cast(D, (date.fromisoformat(day) + timedelta(days=days)).isoformat())


def days_between(first: D, last: D) -> list[D]:
    """Every day or date from one to another, both included."""
    count = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    return [shifted(first, number) for number in range(count)]


def utc_namesake(date_: BookDate) -> UtcDay:
    """The UTC day with the name of a date of the books: another span of time, unless the books are kept in UTC."""
    return UtcDay(date_)


def book_namesake(day: UtcDay) -> BookDate:
    """The date of the books with the name of a UTC day: another span of time, unless the books are kept in UTC."""
    return BookDate(day)
