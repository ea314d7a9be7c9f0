"""Takes in usage events: writes them to the ledger first, then counts them, and only then acknowledges them."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from chargeback.domain.errors import CountFull, InvalidEvent, StoreUnavailable
from chargeback.domain.events.admission import admit
from chargeback.domain.events.emitters import OURSELVES, Emitter
from chargeback.domain.events.phases import is_own
from chargeback.domain.events.times import AcceptedTimes
from chargeback.domain.events.usage_event import UsageEvent, day_beside, id_in
from chargeback.domain.events.withheld import withheld
from chargeback.domain.time.days import UtcDay, days_between, shifted, utc_day
from chargeback.log_line import log_line
from chargeback.services.ports.counter import Counter
from chargeback.services.ports.ledger import Ledger, Quarantine, Rejected
from chargeback.services.running.together import together
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.index_objects import ObjectIndex
from chargeback.services.usage.neighbours import MARGIN_HOURS, by_first_day

log = logging.getLogger(__name__)

OPEN_DAYS = 4
"""A day is counted in Redis while it is today or one of the three days before."""

IN_TIME_SECONDS = 12.0
"""A sender who waits is told within this time. Event Grid gives up after 30 s
(learn.microsoft.com/azure/event-grid/delivery-and-retry), and an event may wait for the commit before its own.
"""


@dataclass(frozen=True, slots=True)
class Ingested:
    """The outcome of a batch.

    Attributes:
        accepted: events in the ledger that changed the count, late ones included.
        duplicate: events whose call was already accounted for.
        quarantined: unusable events, each with its reason.
        late: accepted events of a day that is no longer open; its audit brings them into the books.
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
        flags = await together(*(self._take(day, events, now) for day, events in days.items()))
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
        """`ingest` for a sender who waits: raises `StoreUnavailable` in time if a store hangs."""
        try:
            async with asyncio.timeout(IN_TIME_SECONDS):
                return await self.ingest(raw_events, now, emitter=emitter)
        except TimeoutError as error:
            raise StoreUnavailable(f"a store does not answer within {IN_TIME_SECONDS:g} s") from error

    def _times(self, emitter: Emitter, now: datetime, arrived: UtcDay | None) -> AcceptedTimes:
        """The times to accept: within the limits now, and within the emitter's own when the event first came."""
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
        """Have the day before audited where Redis counts it no more: what it has of a call from another emitter or
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
