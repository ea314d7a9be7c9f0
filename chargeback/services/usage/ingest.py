"""The one door for usage events: into the ledger first, then counted, and only then acknowledged."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.folding import folded
from chargeback.domain.errors import CountFull, InvalidConfig, InvalidEvent, StoreUnavailable
from chargeback.domain.events.admission import admit
from chargeback.domain.events.emitters import OURSELVES, Emitter
from chargeback.domain.events.phases import is_own
from chargeback.domain.events.times import AcceptedTimes
from chargeback.domain.events.usage_event import UsageEvent, day_beside, id_in
from chargeback.domain.events.withheld import withheld
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import picodollars_per_unit
from chargeback.domain.time.days import UtcDay, days_between, shifted, start_of, utc_day
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.log_line import log_line
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.counter import Counter, EstimatedEvent
from chargeback.services.ports.ledger import Ledger, Quarantine, Rejected
from chargeback.services.usage.index_objects import ObjectIndex
from chargeback.services.usage.neighbours import MARGIN_HOURS, by_first_day

log = logging.getLogger(__name__)

OPEN_DAYS = 4
"""A day is counted in Redis while it is today or one of the three days before."""

MAX_SPEND = 10**17
"""Picodollars (100 000 dollars) that one event adds at most: Redis counts in 64 bits, and no event may make it fail."""


IN_TIME_SECONDS = 12.0
"""A sender who waits is told within this time. Event Grid gives up after 30 s
(learn.microsoft.com/azure/event-grid/delivery-and-retry), and an event may wait for the commit before its own.
"""

_KNOWN_LINES = 100_000


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch.

    Attributes:
        accepted: events in the ledger that changed the count, late ones included.
        duplicate: events whose call was already accounted for.
        quarantined: unusable events, each with its reason.
        late: of the accepted, those of a day that is no longer open; its audit brings them into the books.
    """

    accepted: int
    duplicate: int
    quarantined: tuple[Rejected, ...]
    late: int


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How far from now an event may lie.

    Attributes:
        max_age: the oldest accepted event, by its day.
        clock_skew: how far ahead of us a gateway's clock may be.
    """

    max_age: timedelta = timedelta(days=400)
    clock_skew: timedelta = timedelta(hours=1)


class SpendEstimator:
    """What events spend, for budgets: price and scopes are looked up once per line and hour."""

    def __init__(self, in_force: EffectiveCatalogues) -> None:
        self.in_force = in_force
        # By the line's identity in memory, which costs no hashing; the entry keeps the line alive.
        self._known: dict[tuple[int, str, int], tuple[Line, Line | None, tuple[str, ...], Mapping[Meter, int]]] = {}

    def estimate(self, event: UsageEvent) -> EstimatedEvent:
        """The event with its spend in picodollars; unpriced meters spend nothing here and show in the books."""
        _, _, day, hour, line, quantities, *_ = event
        key = (id(line), day, hour)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KNOWN_LINES:
                self._known.clear()
            known = self._known[key] = (line, folded(line, self.in_force.named), *self._look_up(event))
        _, others, scopes, prices = known
        spend = 0
        for meter, quantity in quantities.items():
            if meter in prices:
                spend += quantity * prices[meter]
        return EstimatedEvent(event, scopes, spend if spend < MAX_SPEND else MAX_SPEND, others)

    def _look_up(self, event: UsageEvent) -> tuple[tuple[str, ...], Mapping[Meter, int]]:
        line = event.line
        hour = start_of(event.day) + timedelta(hours=event.hour)
        cost_centre, _ = self.in_force.hours(event.day)[event.hour][1].cost_centre(line)
        scopes = (f"subscription:{line.subscription}", f"product:{line.product}", f"cost-centre:{cost_centre}")
        return scopes, picodollars_per_unit(line, hour, self.in_force.catalogue(hour), cost_centre)


class EffectiveSpendEstimator:
    """The estimator by the catalogues in force. Budgets must not stop metering: while these cannot be read, the last
    known ones serve, which move what is spent between scopes and change nothing in the books.
    """

    def __init__(self, catalogues: Catalogues, deployed: Catalogue, *, wait: float = 3.0, again: float = 15.0) -> None:
        """Wait so many seconds for the catalogues at most, and after a failure leave them alone for so many."""
        self._catalogues = catalogues
        self._estimator = SpendEstimator(EffectiveCatalogues(deployed))
        self._wait = wait
        self._again = again
        self._next = float("-inf")
        self._one_reads = asyncio.Lock()

    async def current(self) -> SpendEstimator:
        """The estimator to use now."""
        async with self._one_reads:
            if time.monotonic() >= self._next:
                await self._read()
        return self._estimator

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._wait):
                in_force = await self._catalogues.in_force()
        except (StoreUnavailable, InvalidConfig, TimeoutError) as error:
            self._next = time.monotonic() + self._again
            using = self._estimator.in_force.current.digest[:12]
            reason = error if str(error) else f"no answer within {self._wait:g} s"
            log_line(log, "catalogue_unavailable", level=logging.WARNING, using=using, reason=reason)
            return
        if in_force is not self._estimator.in_force:
            self._estimator = SpendEstimator(in_force)


class Ingest:
    """Takes batches of raw CloudEvents."""

    def __init__(
        self,
        ledger: Ledger,
        counter: Counter,
        quarantine: Quarantine,
        estimator: EffectiveSpendEstimator,
        limits: TimeLimits | None = None,
        objects: ObjectIndex | None = None,
    ) -> None:
        """Wire the door; without `objects` nobody is told who owns what calls made."""
        self._objects = objects
        self._ledger = ledger
        self._counter = counter
        self._quarantine = quarantine
        self._estimator = estimator
        self._limits = limits or TimeLimits()

    async def ingest(
        self,
        raw_events: Sequence[bytes],
        now: datetime,
        *,
        emitter: Emitter = OURSELVES,
        arrived: UtcDay | None = None,
    ) -> Ingested:
        """Make the events of an emitter durable and count them.

        `arrived` is the day they came first, if that is not today.

        When this returns, every usable event is in the ledger and counted, and every other one is in quarantine.
        It raises `StoreUnavailable` otherwise, and taking the same events again is then safe and right.
        """
        days, rejected = self._read(raw_events, self._times(emitter, now, arrived), emitter)
        if rejected:
            await self._quarantine.put(rejected, arrived or utc_day(now))
        days = await by_first_day(self._counter, days, partial(is_open, now=now))
        flags = await asyncio.gather(*(self._take(day, events, now) for day, events in days.items()))
        counted = sum(flag for of_day, _ in flags for flag in of_day)
        late = sum(len(of_day) for of_day, is_late in flags if is_late)
        ingested = Ingested(
            accepted=counted,
            duplicate=len(raw_events) - len(rejected) - counted,
            quarantined=tuple(rejected),
            late=late,
        )
        _log(ingested)
        return ingested

    async def ingest_in_time(self, raw_events: Sequence[bytes], now: datetime, *, emitter: Emitter) -> Ingested:
        """The same for a sender who waits: a store that hangs is told as `StoreUnavailable` in time."""
        try:
            async with asyncio.timeout(IN_TIME_SECONDS):
                return await self.ingest(raw_events, now, emitter=emitter)
        except TimeoutError as error:
            raise StoreUnavailable(f"a store does not answer within {IN_TIME_SECONDS:g} s") from error

    def _times(self, emitter: Emitter, now: datetime, arrived: UtcDay | None) -> AcceptedTimes:
        """What is accepted: within the limits now, and within the emitter's own when the event came first."""
        times = AcceptedTimes.around(now, max_age=self._limits.max_age, clock_skew=self._limits.clock_skew)
        if emitter.max_age is None:
            return times
        oldest = shifted(arrived or utc_day(now), -emitter.max_age.days)
        return times._replace(earliest=max(times.earliest, oldest))

    def _read(
        self, raw_events: Sequence[bytes], times: AcceptedTimes, emitter: Emitter
    ) -> tuple[dict[UtcDay, list[UsageEvent]], list[Rejected]]:
        days: dict[UtcDay, list[UsageEvent]] = {}
        rejected: list[Rejected] = []
        for raw in raw_events:
            try:
                event = admit(raw, times, emitter)
            except InvalidEvent as error:
                rejected.append(Rejected(error.reason, error.detail, withheld(raw), emitter.id))
            else:
                days.setdefault(event.day, []).append(event)
        return days, rejected

    async def _take(self, day: UtcDay, events: list[UsageEvent], now: datetime) -> tuple[Sequence[bool], bool]:
        is_late = not is_open(day, now)
        raw_events = [event.raw for event in events]
        await self._ledger.append(day, raw_events)
        if self._objects:
            await self._objects.note(day, raw_events)
        await self._mark_day_before(day, events, now)
        if is_late:
            await self._mark_late(day, now)
            return [True] * len(events), True
        estimator = await self._estimator.current()
        try:
            return await self._counter.count(day, events, estimator.estimate), False
        except CountFull as error:
            log_line(log, "count_full", level=logging.WARNING, day=day, left_out=error.left_out)
            await self._ledger.mark(day)
            return error.flags, False

    async def _mark_late(self, day: UtcDay, now: datetime) -> None:
        """Have the day audited, and the one after it, which leaves to this one what both have."""
        await self._ledger.mark(day)
        await self._mark_closed(day_beside(day, 1), now)

    async def _mark_day_before(self, day: UtcDay, events: Sequence[UsageEvent], now: datetime) -> None:
        """Have the day before audited where Redis counts it no more: what it has of a call from beside the gateway or
        from the log alone gives way to the call's own event.
        """
        if any(event.hour < MARGIN_HOURS and is_own(event.phase) for event in events):
            await self._mark_closed(day_beside(day, -1), now)

    async def _mark_closed(self, day: UtcDay, now: datetime) -> None:
        if not is_open(day, now) and await self._ledger.extent(day):
            await self._ledger.mark(day)


def _log(ingested: Ingested) -> None:
    """One line for the batch, and one for each reason in it, whichever door the events came through."""
    log_line(
        log,
        "ingested",
        accepted=ingested.accepted,
        duplicate=ingested.duplicate,
        late=ingested.late,
        quarantined=len(ingested.quarantined),
    )
    reasons: dict[str, list[Rejected]] = {}
    for each in ingested.quarantined:
        reasons.setdefault(each.reason, []).append(each)
    for reason, events in reasons.items():
        first = events[0]
        log_line(
            log,
            "quarantined",
            about=id_in(first.raw),
            level=logging.WARNING,
            reason=reason,
            events=len(events),
            first=first.detail[:300],
        )


def is_open(day: UtcDay, now: datetime) -> bool:
    """Whether the day is counted in Redis at `now` (UTC)."""
    return day > shifted(utc_day(now), -OPEN_DAYS)


def open_days(now: datetime) -> list[UtcDay]:
    """The days that may be counted, oldest first; tomorrow is one of them for gateways whose clock is ahead."""
    today = utc_day(now)
    return days_between(shifted(today, 1 - OPEN_DAYS), shifted(today, 1))
