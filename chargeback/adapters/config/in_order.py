"""Whether entries for the same thing follow each other without overlaps and, if asked, without gaps."""

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol, TypeVar

from chargeback.domain.time.effective import Effective, hour_name


class Entry(Protocol):
    """An entry that holds for some time."""

    @property
    def effective(self) -> Effective:
        """The time for which it holds."""


E = TypeVar("E", bound=Entry)


def in_order(entries: list[tuple[str, E]], name: Callable[[E], str], faults: list[str], *, gaps: bool) -> tuple[E, ...]:
    """Entries for the same thing, with their places, by time; overlaps are faults, and so are gaps if asked."""
    ordered = sorted(entries, key=lambda entry: entry[1].effective.first)
    for (earlier_place, earlier), (place, later) in pairwise(ordered):
        if earlier.effective.after > later.effective.first:
            faults.append(f"{place}.effectiveFrom: {name(later)} overlaps {name(earlier)} of {earlier_place}")
        elif gaps and earlier.effective.after < later.effective.first:
            faults.append(
                f"{place}.effectiveFrom: {name(later)} begins after {name(earlier)} of {earlier_place} has ended"
                f" at {hour_name(earlier.effective.after)}: usage between them would be unpriced"
            )
    return tuple(entry for _, entry in ordered)
