"""Reads the effective time of an entry: whole UTC hours or dates of the books, with an exclusive end."""

import re
from datetime import UTC, datetime
from typing import Protocol

from chargeback.adapters.config.entries import Record
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import YEARS

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.A)


class Since(Record, frozen=True, kw_only=True):
    """An entry that has to say from when on it holds: the fields that say so."""

    effective_from: str
    effective_to: str | None = None


class Timed(Protocol):
    """An entry that holds from a whole hour or a date of the books on."""

    @property
    def effective_from(self) -> str | None:
        """The hour or date from which it holds."""

    @property
    def effective_to(self) -> str | None:
        """The hour or date from which it does not hold any more."""


def effective(entry: Timed, calendar: Calendar, place: str, faults: list[str]) -> Effective:
    """The time of an entry; what cannot be read is appended to `faults`."""
    start = moment_at(entry.effective_from, calendar, f"{place}.effectiveFrom", faults)
    return Effective(start, moment_at(entry.effective_to, calendar, f"{place}.effectiveTo", faults))


def moment_at(said: str | None, calendar: Calendar, place: str, faults: list[str]) -> datetime | None:
    """A moment in UTC; a date begins as that of the books does. What cannot be read is appended to `faults`."""
    try:
        return _moment(said, calendar)
    except (ValueError, OverflowError):
        faults.append(
            f"{place}: {said!r} is neither a date such as 2026-03-15"
            " nor a whole hour in UTC such as 2026-03-15T09:00:00Z"
        )
        return None


def is_date(said: str) -> bool:
    """Whether a string has the form of a date, YYYY-MM-DD."""
    return _DATE.fullmatch(said) is not None


def _moment(said: str | None, calendar: Calendar) -> datetime | None:
    if said is None:
        return None
    moment = datetime.fromisoformat(said)
    if moment.year not in YEARS:
        raise ValueError("not a time that any period of the books has")
    if is_date(said):
        return calendar.midnight(BookDate(said))
    if moment.tzinfo is None:
        raise ValueError("without a time zone")
    return moment.astimezone(UTC)
