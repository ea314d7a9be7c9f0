"""From when until when an entry of a document holds: whole UTC hours, the end exclusive."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective

_YEARS = range(1970, 2200)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.A)


def time_faults(effective_from: datetime, effective_to: datetime | None) -> Iterator[str]:
    """What is wrong with the time of an entry: usage is counted by the hour, so it can begin at any whole one."""
    moments = {"effectiveFrom": effective_from, "effectiveTo": effective_to}
    whole = True
    for name, moment in moments.items():
        if moment is not None and not _is_usual(moment):
            whole = False
            yield f"{name}: {moment.isoformat()} is not a time of the years {_YEARS.start} to {_YEARS.stop - 1}"
        elif moment is not None and (moment.tzinfo is None or moment.timestamp() % 3600):
            whole = False
            yield f"{name}: {moment.isoformat()} is not a whole hour in UTC such as 2024-11-20T00:00:00Z"
    if whole and effective_to is not None and effective_to <= effective_from:
        yield "effectiveTo: is not after effectiveFrom"


def in_utc(moment: datetime | None) -> datetime | None:
    """The same moment, said in UTC."""
    return moment.astimezone(UTC) if moment else None


def effective(start: str | None, end: str | None, calendar: Calendar, place: str, faults: list[str]) -> Effective:
    """The time between two moments of a document: whole UTC hours, or dates, which begin as those of the books do."""
    moments = []
    for name, text in (("effectiveFrom", start), ("effectiveTo", end)):
        try:
            moments.append(_moment(text, calendar))
        except (ValueError, OverflowError):
            moments.append(None)
            faults.append(
                f"{place}.{name}: {text!r} is neither a date such as 2026-03-15"
                " nor a whole hour in UTC such as 2026-03-15T09:00:00Z"
            )
    return Effective(*moments)


def _moment(text: str | None, calendar: Calendar) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if not _is_usual(moment):
        raise ValueError("not a time that any period of the books has")
    if _DATE.fullmatch(text):
        return calendar.midnight(text)
    if moment.tzinfo is None:
        raise ValueError("without a time zone")
    return moment.astimezone(UTC)


def _is_usual(moment: datetime) -> bool:
    return moment.year in _YEARS
