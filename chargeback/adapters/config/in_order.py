"""Entries for the same thing, one after the other: where they overlap, and where nothing holds between them."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Protocol, TypeVar


class Entry(Protocol):
    """Whatever holds for some time."""

    @property
    def effective_from(self) -> datetime:
        """Its first moment."""

    @property
    def effective_to(self) -> datetime | None:
        """The moment after its last; None = still in force."""


E = TypeVar("E", bound=Entry)


def in_order(entries: list[tuple[str, E]], name: Callable[[E], str], faults: list[str], *, gaps: bool) -> tuple[E, ...]:
    """Entries for the same thing, with their places, by time; overlaps are faults, and so are gaps if asked."""
    ordered = sorted(entries, key=lambda entry: entry[1].effective_from)
    for (earlier_place, earlier), (place, later) in pairwise(ordered):
        if earlier.effective_to is None or earlier.effective_to > later.effective_from:
            faults.append(f"{place}.effectiveFrom: {name(later)} overlaps {name(earlier)} of {earlier_place}")
        elif gaps and earlier.effective_to < later.effective_from:
            faults.append(
                f"{place}.effectiveFrom: {name(later)} begins after {name(earlier)} of {earlier_place} has ended"
                f" at {earlier.effective_to:%Y-%m-%dT%HZ}: usage between them would be unpriced"
            )
    return tuple(entry for _, entry in ordered)
