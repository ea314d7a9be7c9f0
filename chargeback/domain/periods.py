"""Billing periods: a month of UTC days, named YYYY-MM."""

import re
from calendar import monthrange
from datetime import datetime, timedelta

from chargeback.domain.errors import InvalidConfig

GRACE = timedelta(days=5)
"""How long after its end a month is still published every day."""


def days_of(period: str) -> list[str]:
    """Every day of the month, ascending. Raises `InvalidConfig` unless the period is a month such as 2026-03."""
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period, re.A) is None or period < "1970":
        raise InvalidConfig([f"period {period!r} is not a month such as 2026-03"])
    year, month = map(int, period.split("-"))
    return [f"{period}-{day:02}" for day in range(1, monthrange(year, month)[1] + 1)]


def period_of(moment: datetime) -> str:
    """The month of a UTC moment."""
    return f"{moment:%Y-%m}"


def due_periods(now: datetime) -> list[str]:
    """The months to publish at `now` (UTC), oldest first."""
    return sorted({period_of(now - GRACE), period_of(now)})
