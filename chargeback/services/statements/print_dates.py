"""Prints months and dates for a page, in English."""

from datetime import date

from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def month_name(period: Month) -> str:
    """Such as March 2026."""
    return f"{_MONTHS[int(period[5:]) - 1]} {period[:4]}"


def short_month(period: Month) -> str:
    """Such as Mar 2026."""
    return f"{_short(period)} {period[:4]}"


def day_of_month(day: BookDate) -> str:
    """Such as Sat 14."""
    return f"{_WEEKDAYS[date.fromisoformat(day).weekday()]} {day[8:]}"


def day_of_year(day: BookDate) -> str:
    """Such as Sat 14 Mar."""
    return f"{day_of_month(day)} {_short(day)}"


def short_day(day: BookDate) -> str:
    """Such as 14 Mar."""
    return f"{int(day[8:])} {_short(day)}"


def _short(date_or_month: str) -> str:
    return _MONTHS[int(date_or_month[5:7]) - 1][:3]
