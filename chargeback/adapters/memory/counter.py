"""The counter in memory, for tests and for trying things out; it behaves like the real one."""

import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chargeback.domain.cost_centres.folding import MOST_NAMES, caller_of, folded_names_id
from chargeback.domain.errors import CountFull, CountLost
from chargeback.domain.events.documents import outline
from chargeback.domain.events.phases import ELSEWHERE, CallSoFar, accounted, follow, is_claim_alone, left_elsewhere
from chargeback.domain.events.usage_event import Phase, UsageEvent
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.lines import Line, line_id
from chargeback.domain.usage.meters import Quantities
from chargeback.services.ports.counter import (
    MOST_LINES,
    MOST_LINES_OF_ONE,
    MOST_QUANTITIES,
    MOST_WAITING_OF_ONE,
    ChangedLines,
    CountedLine,
    CountedSpend,
    EstimatedEvent,
    EstimateSpend,
    Seen,
)


@dataclass(slots=True)
class _Call:
    """A call, and what is counted for it now."""

    so_far: CallSoFar
    counted: EstimatedEvent | None
    pending: bytes = b""


@dataclass(slots=True)
class _Day:
    """One counted day."""

    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    version: int = 0
    calls: dict[str, _Call] = field(default_factory=dict)
    lines: dict[str, tuple[Line, dict[int, Quantities]]] = field(default_factory=dict)
    dirty: dict[str, int] = field(default_factory=dict)
    spend: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    mass: int = 0
    calls_of: dict[str, int] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Caller → its names of the day."""
    lines_of: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    waiting: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Caller → its calls that wait for their tokens."""
    beyond: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Caller → its calls that wait, too, but for which there was no room."""

    def add(self, estimated: EstimatedEvent | None, sign: int) -> None:
        """Count one contribution, or take it back."""
        if estimated is None:
            return
        event, scopes, picodollars, *_ = estimated
        identity = line_id(event.line)
        if identity not in self.lines:
            self.lines_of[caller_of(event.line)] += 1
        _, hours = self.lines.setdefault(identity, (event.line, {}))
        totals = hours.setdefault(event.hour, {})
        for meter, quantity in event.quantities.items():
            totals[meter] = totals.get(meter, 0) + sign * quantity
        for scope in scopes if picodollars else ():
            self.spend[scope] += sign * picodollars
        self.dirty[identity] = self.version

    def under_its_name(self, event: UsageEvent, others: Line | None, most_names: int) -> UsageEvent:
        """The event, under the line of further names if its caller has too many."""
        if others is None:
            return event
        names, name = self.names[caller_of(event.line)], folded_names_id(event.line, others)
        if name in names:
            return event
        if len(names) >= most_names:
            return event._replace(line=others)
        names.add(name)
        return event

    def fits(self, event: UsageEvent, most: "_Most") -> bool:
        """Whether there is room for an event; what it takes up is noted."""
        own = sum(event.quantities.values())
        if self.mass + own > most.quantities or (line_id(event.line) not in self.lines and self._is_full(event, most)):
            return False
        self.mass += own
        return True

    def _is_full(self, event: UsageEvent, most: "_Most") -> bool:
        return len(self.lines) >= most.lines or self.lines_of[caller_of(event.line)] >= most.lines_of_one

    def take(self, event: UsageEvent, estimate: EstimateSpend, most_waiting: int) -> bool:
        """Count an event as far as it changes its call."""
        known = self.calls.get(event.call)
        now = follow(known.so_far if known else None, event)
        changed = self._set(event, known, now, estimate, most_waiting)
        if event.claim is not None:
            self.leave_elsewhere(event._replace(call=event.claim), estimate, most_waiting)
        return changed

    def leave_elsewhere(self, event: UsageEvent, estimate: EstimateSpend, most_waiting: int) -> None:
        """What others say about this call is counted in another call."""
        claimed = self.calls.get(event.call)
        self._set(event, claimed, left_elsewhere(claimed.so_far) if claimed else ELSEWHERE, estimate, most_waiting)

    def _set(
        self, event: UsageEvent, known: _Call | None, now: CallSoFar, estimate: EstimateSpend, most_waiting: int
    ) -> bool:
        if known is not None and now is known.so_far:
            return False
        before = known.counted if known else None
        after = estimate(accounted(now, event)) if now.counts else None
        if known is not None and known.so_far.waits:
            (self.waiting if known.pending else self.beyond)[caller_of(known.so_far.line)] -= 1
        has_room = now.waits and self.waiting[caller_of(now.line)] < most_waiting
        if now.waits:
            (self.waiting if has_room else self.beyond)[caller_of(now.line)] += 1
        self.calls[event.call] = _Call(now, after, outline(event.raw) if has_room else b"")
        if known is not None and known.so_far.account == now.account:
            return False
        self.add(before, -1)
        self.add(after, 1)
        return before is not after


class _Most(NamedTuple):
    """The most that a day has room for."""

    quantities: int
    lines: int
    lines_of_one: int
    names: int
    waiting_of_one: int


class MemoryCounter:
    """The counter as dictionaries; `days.clear()` is what a flushed Redis looks like.

    Several instances may share their days, as several processes share a Redis.
    """

    def __init__(
        self,
        *,
        most_quantities: int = MOST_QUANTITIES,
        most_lines: int = MOST_LINES,
        most_lines_of_one: int = MOST_LINES_OF_ONE,
        most_names: int = MOST_NAMES,
        most_waiting_of_one: int = MOST_WAITING_OF_ONE,
        days: dict[UtcDay, _Day] | None = None,
    ) -> None:
        self._most = _Most(most_quantities, most_lines, most_lines_of_one, most_names, most_waiting_of_one)
        self.days: dict[UtcDay, _Day] = {} if days is None else days
        self._name = secrets.token_hex(4)
        self._answered: dict[str, tuple[str, int]] = {}

    async def count(self, day: UtcDay, events: Sequence[UsageEvent], estimate: EstimateSpend) -> Sequence[bool]:
        """Count each event by the rule of the phases."""
        counted = self._day(day)
        counted.version += 1
        flags: list[bool] = []
        left_out = 0
        for event in events:
            if is_claim_alone(event):
                counted.leave_elsewhere(event, estimate, self._most.waiting_of_one)
                flags.append(False)
                continue
            known = counted.under_its_name(event, estimate(event).folded, self._most.names)
            fits = counted.fits(known, self._most)
            flags.append(fits and counted.take(known, estimate, self._most.waiting_of_one))
            left_out += not fits
        if left_out:
            raise CountFull(day, flags, left_out)
        return flags

    def _day(self, day: UtcDay) -> _Day:
        """The day, under another epoch if it has gone back behind what was answered before."""
        counted = self.days.setdefault(day, _Day())
        turn = counted.calls_of[self._name] = counted.calls_of.get(self._name, 0) + 1
        epoch, last = self._answered.get(day, ("", 0))
        if counted.epoch == epoch and turn <= last:
            counted.epoch = secrets.token_hex(8)
        self._answered[day] = counted.epoch, turn
        return counted

    async def epoch(self, day: UtcDay) -> str | None:
        """The day's identity."""
        return self.days[day].epoch if day in self.days else None

    async def begin(self, day: UtcDay) -> str:
        """The day's identity, made where it has none."""
        return self._day(day).epoch

    async def changed_lines(self, day: UtcDay) -> ChangedLines | None:
        """The lines to post."""
        known = self.days.get(day)
        return ChangedLines(known.epoch, dict(known.dirty), known.version) if known else None

    async def lines(self, day: UtcDay, epoch: str, line_ids: Sequence[str]) -> list[CountedLine]:
        """The current counts of these lines."""
        if await self.epoch(day) != epoch or not set(line_ids) <= self.days[day].lines.keys():
            raise CountLost(f"{day} is no longer counted under epoch {epoch}")
        return [CountedLine(identity, *_without_zeros(*self.days[day].lines[identity])) for identity in line_ids]

    async def mark_posted(self, day: UtcDay, epoch: str, lines: Mapping[str, int]) -> None:
        """These versions are in the books."""
        if await self.epoch(day) == epoch:
            dirty = self.days[day].dirty
            for identity, version in lines.items():
                if dirty.get(identity) == version:
                    del dirty[identity]

    async def touch(self, day: UtcDay) -> int:
        """Mark every line of the day as changed."""
        counted = self.days.get(day)
        if counted is None or not counted.lines:
            return 0
        counted.version += 1
        counted.dirty = dict.fromkeys(counted.lines, counted.version)
        return counted.version

    async def forget(self, day: UtcDay) -> None:
        """Drop all that is counted of the day."""
        self.days.pop(day, None)

    async def pending(self, day: UtcDay) -> AsyncIterator[list[bytes]]:
        """The raw events of calls whose tokens are not known yet."""
        calls = self.days[day].calls.values() if day in self.days else ()
        yield [call.pending for call in calls if call.pending]

    async def beyond(self, day: UtcDay) -> Mapping[str, int]:
        """Caller → its calls that wait for their tokens and are not among the pending ones."""
        return {caller: calls for caller, calls in self.days[day].beyond.items() if calls} if day in self.days else {}

    async def accounted_for(self, day: UtcDay, calls: Sequence[str]) -> Sequence[bool] | None:
        """Whether each of these calls is accounted for on the day."""
        if day not in self.days:
            return None
        known = self.days[day].calls
        return [call in known and known[call].so_far.last.phase > Phase.BESIDE for call in calls]

    async def seen(self, day: UtcDay, calls: Sequence[str]) -> Sequence[Seen | None]:
        """What is known of each of these calls on the day."""
        known = self.days[day].calls if day in self.days else {}
        found = [known[call].so_far if call in known else None for call in calls]
        return [
            Seen(each.first.phase, each.last.phase) if each and each.last.phase > Phase.BESIDE else None
            for each in found
        ]

    async def spend(self, day: UtcDay) -> CountedSpend:
        """What is spent on the day."""
        known = self.days.get(day)
        return CountedSpend(known.epoch, dict(known.spend)) if known else CountedSpend(None, {})

    async def ping(self) -> None:
        """Always there."""


def _without_zeros(line: Line, hours: Mapping[int, Quantities]) -> tuple[Line, dict[int, Quantities]]:
    kept = {hour: {meter: quantity for meter, quantity in totals.items() if quantity} for hour, totals in hours.items()}
    return line, {hour: totals for hour, totals in kept.items() if totals}
