"""From when until when an entry of a document holds: whole UTC hours, the end exclusive."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from chargeback.adapters.config.entries import Record
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import YEARS

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.A)


class SinceHour(Record, frozen=True, kw_only=True):
    """An entry that holds from a whole hour on: the fields that say so."""

    effective_from: datetime
    effective_to: datetime | None = None

    def time_faults(self) -> Iterator[str]:
        """What is wrong with its time."""
        return Effective(self.effective_from, self.effective_to).faults()

    @property
    def effective(self) -> Effective:
        """Its time; call it only where that has no faults."""
        return Effective(self.effective_from.astimezone(UTC), in_utc(self.effective_to))


class SinceDate(Protocol):
    """An entry that may hold from a whole hour or a date of the books on."""

    @property
    def effective_from(self) -> str | None:
        """The hour or date from which it holds."""

    @property
    def effective_to(self) -> str | None:
        """The hour or date from which it does not hold any more."""


def effective(entry: SinceDate, calendar: Calendar, place: str, faults: list[str]) -> Effective:
    """The time of an entry; a date begins as that of the books does. What cannot be read is appended to `faults`."""
    moments = []
    for name, said in (("effectiveFrom", entry.effective_from), ("effectiveTo", entry.effective_to)):
        try:
            moments.append(_moment(said, calendar))
        except (ValueError, OverflowError):
            moments.append(None)
            faults.append(
                f"{place}.{name}: {said!r} is neither a date such as 2026-03-15"
                " nor a whole hour in UTC such as 2026-03-15T09:00:00Z"
            )
    return Effective(*moments)


def is_date(said: str) -> bool:
    """Whether a string has the form of a date, YYYY-MM-DD."""
    return _DATE.fullmatch(said) is not None


def in_utc(moment: datetime | None) -> datetime | None:
    """The same moment, said in UTC."""
    return moment.astimezone(UTC) if moment else None


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
