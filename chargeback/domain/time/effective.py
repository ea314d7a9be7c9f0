"""For how long something holds: from a whole UTC hour on, until another one, or without a limit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_EVER_BEFORE = datetime.min.replace(tzinfo=UTC)
_EVER_AFTER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Effective:
    """From `start` (inclusive) until `end` (exclusive), both whole UTC hours; None where there is no limit."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def first(self) -> datetime:
        """The start, as a moment in any case."""
        return self.start or _EVER_BEFORE

    @property
    def after(self) -> datetime:
        """The end, as a moment in any case."""
        return self.end or _EVER_AFTER

    def holds(self, moment: datetime) -> bool:
        """Whether it is in force at a moment."""
        return self.first <= moment < self.after

    def is_within(self, other: "Effective") -> bool:
        """Whether the other one holds whenever this one does."""
        return other.first <= self.first and self.after <= other.after

    def overlaps(self, other: "Effective") -> bool:
        """Whether both hold at some moment."""
        return self.first < other.after and other.first < self.after

    def within(self, other: "Effective") -> "Effective | None":
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
        for name, moment in (("effectiveFrom", self.start), ("effectiveTo", self.end)):
            if moment is not None and moment.timestamp() % 3600:
                yield f"{name}: {moment.isoformat()} is not a whole hour in UTC such as 2026-03-15T00:00:00Z"
        if self.after <= self.first:
            yield "effectiveTo: is not after effectiveFrom"

    def texts(self) -> tuple[str, str]:
        """Both limits in UTC for digests; an empty text where there is none."""
        return _text(self.start), _text(self.end)

    def __str__(self) -> str:
        start, end = self.texts()
        return f"from {start or 'ever'} until {end or 'further notice'}"


ALWAYS = Effective()


def _text(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else ""
