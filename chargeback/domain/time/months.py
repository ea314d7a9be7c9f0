"""The month that names a billing period, YYYY-MM, and the dates and UTC days of such a month."""

import re
from calendar import monthrange
from typing import NewType

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.days import BookDate, UtcDay, utc_namesake

Month = NewType("Month", str)
"""YYYY-MM: the name of a billing period."""

NO_MONTH = Month("")
"""Stands for a period that is not named."""

YEARS = range(1970, 2200)
"""The years that the books can have."""


def month(said: str) -> Month:
    """The month that somebody wrote. Raises `InvalidConfig` unless it is a month from 1970 to 2199."""
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", said, re.A) is None:
        raise InvalidConfig([f"period {said!r} is not a month such as 2026-03"])
    if int(said[:4]) not in YEARS:
        raise InvalidConfig([f"period {said!r} is not between {YEARS.start}-01 and {YEARS.stop - 1}-12"])
    return Month(said)


def month_of(date: BookDate) -> Month:
    """The month of a date of the books."""
    return Month(date[:7])


def months_between(first: Month, last: Month) -> list[Month]:
    """The months of a span, both included, ascending."""
    start, end = (12 * int(each[:4]) + int(each[5:]) - 1 for each in (first, last))
    return [Month(f"{number // 12:04}-{number % 12 + 1:02}") for number in range(start, end + 1)]


def dates_of(period: Month) -> list[BookDate]:
    """Every date of the month, ascending. Raises `InvalidConfig` like `month`."""
    year, number = map(int, month(period).split("-"))
    return [BookDate(f"{period}-{day:02}") for day in range(1, monthrange(year, number)[1] + 1)]


def utc_days_of(period: Month) -> list[UtcDay]:
    """Every UTC day of the month, ascending: the provider's month, which need not be that of the books."""
    return [utc_namesake(date) for date in dates_of(period)]
