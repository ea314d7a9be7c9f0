"""The name of a billing period, YYYY-MM, and the dates of its month."""

import re
from calendar import monthrange

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.days import BookDate, UtcDay, utc_namesake

YEARS = range(1970, 2200)
"""The years that the books can have."""


def utc_days_of(period: str) -> list[UtcDay]:
    """Every UTC day of the month, ascending: the provider's month. Raises `InvalidConfig` like `days_of`."""
    return [utc_namesake(date) for date in days_of(period)]


def days_of(period: str) -> list[BookDate]:
    """Every date of the month, ascending. Raises `InvalidConfig` unless the period is a month from 1970 to 2199."""
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period, re.A) is None:
        raise InvalidConfig([f"period {period!r} is not a month such as 2026-03"])
    year, month = map(int, period.split("-"))
    if year not in YEARS:
        raise InvalidConfig([f"period {period!r} is not between {YEARS.start}-01 and {YEARS.stop - 1}-12"])
    return [BookDate(f"{period}-{day:02}") for day in range(1, monthrange(year, month)[1] + 1)]
