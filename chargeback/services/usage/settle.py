"""Settling: pending calls get their tokens from the gateway's log, and calls that lost their event get one.

Every event it makes goes through the door that all events go through, with an id that depends on the call
alone: a second run, also at the same time, changes nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chargeback.domain.settlement import PendingCall, TokenCount, estimated, recovered, settled
from chargeback.services.ports import Counter, GatewayLog
from chargeback.services.usage.ingest import Ingested, open_days

SPREAD = timedelta(hours=1)
"""How far a call's rows may lie from the time of its event."""

RECOVER_AFTER = timedelta(minutes=30)
"""An event that is on its way gets so long before it is taken for lost."""

RECOVER_WITHIN = timedelta(hours=6)
"""How far back each run looks for calls without an event."""

EVENTS_AT_ONCE = 1_000
_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class Door(Protocol):
    """The one door for usage events; see `services.ingest.Ingest`."""

    async def ingest(self, raw_events: Sequence[bytes], now: datetime) -> Ingested:
        """Make the events durable and count them."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one run did.

    Attributes:
        settled: pending calls that the log had counts for.
        recovered: calls of the log that had no event.
        estimated: pending calls past the deadline, estimated from calls like them.
        waiting: pending calls left as they are, within the deadline or without anything to go by.
    """

    settled: int
    recovered: int
    estimated: int
    waiting: int


class Settler:
    """Settles the open days."""

    def __init__(
        self,
        log: GatewayLog,
        counter: Counter,
        door: Door,
        *,
        deadline: timedelta = timedelta(hours=24),
        quiet: timedelta = timedelta(minutes=5),
    ) -> None:
        """A call is settled when nothing more of it has arrived for `quiet`, because its rows come in parts."""
        self._log = log
        self._counter = counter
        self._door = door
        self._deadline = deadline
        self._quiet = quiet

    async def settle(self, now: datetime) -> Settlement:
        """Settle what can be at `now` (UTC). Raises `StoreUnavailable`; running again is then right."""
        pending = await self._pending(now)
        counts: dict[str, TokenCount] = {}
        for since, until in _spans([call.time for call in pending], now):
            counts |= {count.correlation_id: count for count in await self._log.token_counts(since, until)}
        ready = [settled(call, counts[call.id]) for call in pending if self._is_complete(counts.get(call.id), now)]
        rest = [call for call in pending if not self._is_complete(counts.get(call.id), now)]
        guesses = list(self._guesses(rest, counts, now))
        recoveries = await self._recoveries(now)
        for events in _chunks([*ready, *guesses, *recoveries]):
            await self._door.ingest(events, now)
        return Settlement(len(ready), len(recoveries), len(guesses), len(rest) - len(guesses))

    async def _pending(self, now: datetime) -> list[PendingCall]:
        return [PendingCall.from_event(raw) for day in open_days(now) for raw in await self._counter.pending(day)]

    def _guesses(
        self, calls: Sequence[PendingCall], counts: Mapping[str, TokenCount], now: datetime
    ) -> Iterator[bytes]:
        known = list(counts.values())
        for call in calls:
            if call.time <= now - self._deadline and (event := estimated(call, known)) is not None:
                yield event

    async def _recoveries(self, now: datetime) -> list[bytes]:
        """Events for the calls that used tokens and that nobody accounted for."""
        found = await self._log.token_counts(now - RECOVER_WITHIN, now - RECOVER_AFTER)
        counts = {
            count.correlation_id: count
            for count in found
            if self._is_complete(count, now) and _REQUEST_ID.fullmatch(count.correlation_id)
        }
        unknown = {count.correlation_id: count for count in await self._unknown(list(counts.values()))}
        if not unknown:
            return []
        calls = await self._log.calls(now - RECOVER_WITHIN - SPREAD, now, list(unknown))
        return [
            recovered(call, unknown[call.correlation_id])
            for call in calls
            if call.time <= now - RECOVER_AFTER and call.was_served(unknown[call.correlation_id])
        ]

    async def _unknown(self, counts: Sequence[TokenCount]) -> list[TokenCount]:
        """Of these calls, those that are known on none of the days on which their event may lie."""
        unknown = {count.correlation_id: count for count in counts}
        for day in sorted({day for count in counts for day in _days(count.time)}):
            of_day = [count for count in unknown.values() if day in _days(count.time)]
            known = await self._counter.known(day, [count.call for count in of_day])
            if known is None:
                # A day that is not counted at the moment knows nothing; its own calls are left alone.
                known = [day == count.time.date().isoformat() for count in of_day]
            for count, is_known in zip(of_day, known, strict=True):
                if is_known:
                    del unknown[count.correlation_id]
        return list(unknown.values())

    def _is_complete(self, count: TokenCount | None, now: datetime) -> bool:
        return count is not None and count.arrived <= now - self._quiet and count.usage()["total_tokens"] > 0


def _days(time: datetime) -> set[str]:
    """The days on which the event of a call may lie that was logged at `time`."""
    return {(time - SPREAD).date().isoformat(), time.date().isoformat(), (time + SPREAD).date().isoformat()}


def _spans(times: Sequence[datetime], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of whole hours in which the rows of calls at these times may lie, each once."""
    hours = sorted({_hour(time + timedelta(hours=shift)) for time in times for shift in (-1, 0, 1)})
    start = end = None
    for hour in hours:
        if start is None or end is None:
            start, end = hour, hour + timedelta(hours=1)
        elif hour == end:
            end = hour + timedelta(hours=1)
        else:
            yield start, min(end, now)
            start, end = hour, hour + timedelta(hours=1)
    if start is not None and end is not None and start < now:
        yield start, min(end, now)


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _chunks(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(events), EVENTS_AT_ONCE):
        yield events[start : start + EVENTS_AT_ONCE]
