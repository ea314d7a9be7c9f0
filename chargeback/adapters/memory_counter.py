"""The counter in memory, with the same behaviour as the real one: for tests and for trying things out."""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chargeback.domain.errors import CountFull, CountLost
from chargeback.domain.events import Phase
from chargeback.domain.lines import Line, line_id
from chargeback.domain.meters import Quantities
from chargeback.services.ports import MOST_LINES, MOST_QUANTITIES, Changed, CountedLine, Weighted


@dataclass(slots=True)
class _Known:
    """What a call was counted as."""

    phase: Phase
    counted: bool
    weighted: Weighted


@dataclass(slots=True)
class _Day:
    """One counted day."""

    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    version: int = 0
    calls: dict[str, _Known] = field(default_factory=dict)
    lines: dict[str, tuple[Line, dict[int, Quantities]]] = field(default_factory=dict)
    dirty: dict[str, int] = field(default_factory=dict)
    spend: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    mass: int = 0

    def add(self, weighted: Weighted, sign: int) -> None:
        """Count one contribution, or take it back."""
        event, scopes, picodollars = weighted
        identity = line_id(event.line)
        _, hours = self.lines.setdefault(identity, (event.line, {}))
        totals = hours.setdefault(event.hour, {})
        for meter, quantity in event.quantities.items():
            totals[meter] = totals.get(meter, 0) + sign * quantity
        for scope in scopes if picodollars else ():
            self.spend[scope] += sign * picodollars
        self.dirty[identity] = self.version

    def fits(self, weighted: Weighted, most_quantities: int, most_lines: int) -> bool:
        """Whether there is room for an event; what it takes up is noted."""
        own = sum(weighted.event.quantities.values())
        is_new = line_id(weighted.event.line) not in self.lines
        if self.mass + own > most_quantities or (is_new and len(self.lines) >= most_lines):
            return False
        self.mass += own
        return True

    def take(self, weighted: Weighted) -> bool:
        """Count an event unless its call is already accounted for."""
        event = weighted.event
        known = self.calls.get(event.call)
        if known is None:
            counts = event.phase is not Phase.POLL
            self.calls[event.call] = _Known(event.phase, counts, weighted)
            if counts:
                self.add(weighted, 1)
            return counts
        if known.phase is Phase.POLL and not known.counted and event.phase < Phase.POLL:
            known.counted = True
            self.add(known.weighted, 1)
            return True
        if event.phase <= known.phase:
            return False
        if known.counted:
            self.add(known.weighted, -1)
        self.calls[event.call] = _Known(event.phase, True, weighted)
        self.add(weighted, 1)
        return True


class MemoryCounter:
    """The counter as dictionaries; `days.clear()` is what a flushed Redis looks like."""

    def __init__(self, *, most_quantities: int = MOST_QUANTITIES, most_lines: int = MOST_LINES) -> None:
        self._most_quantities = most_quantities
        self._most_lines = most_lines
        self.days: dict[str, _Day] = {}

    async def count(self, day: str, events: Sequence[Weighted]) -> Sequence[bool]:
        """Count each event unless its call is already accounted for."""
        counted = self.days.setdefault(day, _Day())
        counted.version += 1
        flags: list[bool] = []
        left_out = 0
        for weighted in events:
            fits = counted.fits(weighted, self._most_quantities, self._most_lines)
            flags.append(fits and counted.take(weighted))
            left_out += not fits
        if left_out:
            raise CountFull(day, flags, left_out)
        return flags

    async def epoch(self, day: str) -> str | None:
        """The day's identity."""
        return self.days[day].epoch if day in self.days else None

    async def begin(self, day: str) -> str:
        """The day's identity, made where it has none."""
        return self.days.setdefault(day, _Day()).epoch

    async def changed(self, day: str) -> Changed | None:
        """The lines to post."""
        known = self.days.get(day)
        return Changed(known.epoch, dict(known.dirty), known.version) if known else None

    async def lines(self, day: str, epoch: str, line_ids: Sequence[str]) -> list[CountedLine]:
        """What is counted now under these lines."""
        if await self.epoch(day) != epoch or not set(line_ids) <= self.days[day].lines.keys():
            raise CountLost(f"{day} is no longer counted under epoch {epoch}")
        return [CountedLine(identity, *_without_zeros(*self.days[day].lines[identity])) for identity in line_ids]

    async def posted(self, day: str, epoch: str, lines: Mapping[str, int]) -> None:
        """These versions are in the books."""
        if await self.epoch(day) == epoch:
            dirty = self.days[day].dirty
            for identity, version in lines.items():
                if dirty.get(identity) == version:
                    del dirty[identity]

    async def touch(self, day: str) -> int:
        """Mark every line of the day as changed."""
        counted = self.days.get(day)
        if counted is None or not counted.lines:
            return 0
        counted.version += 1
        counted.dirty = dict.fromkeys(counted.lines, counted.version)
        return counted.version

    async def forget(self, day: str) -> None:
        """Drop all that is counted of the day."""
        self.days.pop(day, None)

    async def pending(self, day: str) -> list[bytes]:
        """The raw events of calls whose tokens are not known yet."""
        calls = self.days[day].calls.values() if day in self.days else ()
        return [known.weighted.event.raw for known in calls if known.phase is Phase.PENDING]

    async def known(self, day: str, calls: Sequence[str]) -> Sequence[bool] | None:
        """Whether each of these calls is accounted for on the day."""
        if day not in self.days:
            return None
        known = self.days[day].calls
        return [call in known and known[call].phase > Phase.BESIDE for call in calls]

    async def spend(self, day: str) -> dict[str, int]:
        """Budget scope → picodollars."""
        return dict(self.days[day].spend) if day in self.days else {}

    async def ping(self) -> None:
        """Always there."""


def _without_zeros(line: Line, hours: Mapping[int, Quantities]) -> tuple[Line, dict[int, Quantities]]:
    kept = {hour: {meter: quantity for meter, quantity in totals.items() if quantity} for hour, totals in hours.items()}
    return line, {hour: totals for hour, totals in kept.items() if totals}
