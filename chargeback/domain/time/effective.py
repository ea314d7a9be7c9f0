"""Effective time: something holds from one whole UTC hour until another, or without a limit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from chargeback.domain.time.months import YEARS

_EVER_BEFORE = datetime.min.replace(tzinfo=UTC)
_EVER_AFTER = datetime.max.replace(tzinfo=UTC)
_TO_THE_SECOND = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Effective:
    """From `start` (inclusive) until `end` (exclusive), both whole UTC hours; None where there is no limit."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def first(self) -> datetime:
        """The start, or the earliest moment of all where there is no limit."""
        return self.start or _EVER_BEFORE

    @property
    def after(self) -> datetime:
        """The end, or the last moment of all where there is no limit."""
        return self.end or _EVER_AFTER

    def holds(self, moment: datetime) -> bool:
        """Whether it is in force at a moment."""
        return self.first <= moment < self.after

    def is_within(self, other: "Effective") -> bool:
        """Whether the other holds whenever this one does."""
        return other.first <= self.first and self.after <= other.after

    def overlaps(self, other: "Effective") -> bool:
        """Whether both hold at some moment."""
        return self.first < other.after and other.first < self.after

    def intersection(self, other: "Effective") -> "Effective | None":
        """The time in which both hold; None where there is none."""
        start, end = max(self.first, other.first), min(self.after, other.after)
        if start >= end:
            return None
        return Effective(None if start == _EVER_BEFORE else start, None if end == _EVER_AFTER else end)

    def is_covered_by(self, others: Iterable["Effective"]) -> bool:
        """Whether at every moment of this one at least one of the others holds."""
        reached = self.first
        for other in sorted(others, key=lambda each: each.first):
            if other.first > reached:
                break
            reached = max(reached, other.after)
        return reached >= self.after

    def faults(self) -> Iterator[str]:
        """What is wrong with it, each beginning with the limit's name in a document."""
        are_hours = True
        for name, moment in (("effectiveFrom", self.start), ("effectiveTo", self.end)):
            if moment is not None and (fault := _limit_fault(moment)):
                are_hours = False
                yield f"{name}: {fault}"
        if are_hours and self.after <= self.first:
            yield "effectiveTo: is not after effectiveFrom"

    def strings(self) -> tuple[str, str]:
        """Both limits in UTC for digests; an empty string where there is none."""
        return _to_string(self.start), _to_string(self.end)

    def in_hours(self) -> str:
        """Such as `from 2026-03-15T09Z until 2026-04-01T00Z` or `from 2026-03-15T09Z on`."""
        return f"from {hour_name(self.first)}{f' until {hour_name(self.end)}' if self.end else ' on'}"

    def __str__(self) -> str:
        return format(self, _TO_THE_SECOND)

    def __format__(self, form: str) -> str:
        """Both limits in a form of `strftime`."""
        start, end = (_to_string(limit, form or _TO_THE_SECOND) for limit in (self.start, self.end))
        return f"from {start or 'ever'} until {end or 'further notice'}"


ALWAYS = Effective()


def is_whole_hour(moment: datetime) -> bool:
    """Whether a moment is a whole hour in UTC; usage is counted by the hour, so nothing begins within one."""
    return moment.tzinfo is not None and not moment.timestamp() % 3600


def hour_name(moment: datetime) -> str:
    """A whole hour in UTC, such as `2026-03-15T09Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%HZ}"


def edges(times: Iterable[Effective]) -> list[datetime]:
    """Every moment at which one of the times begins or ends, ascending."""
    limits = {limit for time in times for limit in (time.start, time.end)}
    return sorted(limit for limit in limits if limit is not None)


def between(limits: Iterable[datetime | None]) -> Iterator[Effective]:
    """The times between each limit and the next."""
    return (Effective(*pair) for pair in pairwise(limits))


def hull(times: Iterable[Effective]) -> Effective:
    """From the first start to the last end; no limit where one of them has none."""
    known = list(times)
    first, last = min(known, key=lambda time: time.first), max(known, key=lambda time: time.after)
    return Effective(first.start, last.end)


def _limit_fault(moment: datetime) -> str:
    if moment.year not in YEARS:
        return f"{moment.isoformat()} is not a time of the years {YEARS.start} to {YEARS.stop - 1}"
    if not is_whole_hour(moment):
        return f"{moment.isoformat()} is not a whole hour in UTC such as 2026-03-15T00:00:00Z"
    return ""


def _to_string(moment: datetime | None, form: str = _TO_THE_SECOND) -> str:
    return f"{moment.astimezone(UTC):{form}}" if moment else ""
