"""Settling: pending calls get their tokens from the gateway's log, and calls that lost their event get one.

Every event it makes goes through the door that all events go through, with an id that depends on the call
alone: a second run, also at the same time, changes nothing. What cannot be settled of one call, one stretch of the log
or one day is set aside with its reason, and everything else is settled.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

from chargeback.domain.admission import admit
from chargeback.domain.emitters import OURSELVES
from chargeback.domain.errors import ChargebackError, SomeFailed
from chargeback.domain.events import EVER, Phase
from chargeback.domain.settlement import LoggedCall, PendingCall, TokenCount, estimated, recovered, settled
from chargeback.services.bulkheads import reason_of
from chargeback.services.ports import Control, Counter, Found, GatewayLog, Ledger
from chargeback.services.set_aside import ROW_OF_LOG, SetAside, Stage
from chargeback.services.usage.ingest import Ingested, is_open, open_days
from chargeback.services.usage.post import read_block

T = TypeVar("T")
AnyCall = TypeVar("AnyCall", PendingCall, LoggedCall)

SPREAD = timedelta(hours=1)
"""How far a call's rows may lie from the time of its event."""

RECOVER_AFTER = timedelta(minutes=30)
"""An event that is on its way gets so long before it is taken for lost."""

RECOVER_WITHIN = timedelta(hours=6)
"""How far back each run looks for calls without an event, unless it is told to look further."""

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
        set_aside: pending calls and rows of the log that cannot be used as they are.
    """

    settled: int
    recovered: int
    estimated: int
    waiting: int
    set_aside: int = 0


@dataclass(slots=True)
class _Run:
    """What one run has found and failed at so far."""

    counts: dict[str, TokenCount] = field(default_factory=dict)
    aside: dict[str, dict[str, str]] = field(default_factory=dict)
    """Day → part → reason."""
    failed: dict[str, str] = field(default_factory=dict)
    read: list[tuple[datetime, datetime]] = field(default_factory=list)
    """The stretches of the log that were read."""

    def leave_out(self, day: str, part: str, error: Exception) -> None:
        """Set one part of a day aside."""
        self.aside.setdefault(day, {})[part] = reason_of(error)

    async def attempt(self, what: str, work: Awaitable[T]) -> T | None:
        """Do a piece of work that may fail without keeping the others from being done; None where it did."""
        try:
            return await work
        except Exception as error:  # noqa: BLE001 whatever is wrong with one piece
            self.failed[what] = reason_of(error)
            return None


class Settler:
    """Settles the open days."""

    def __init__(
        self,
        log: GatewayLog,
        counter: Counter,
        ledger: Ledger,
        door: Door,
        control: Control,
        *,
        deadline: timedelta = timedelta(hours=24),
        quiet: timedelta = timedelta(minutes=5),
    ) -> None:
        """A call is settled when nothing more of it has arrived for `quiet`, because its rows come in parts."""
        self._log = log
        self._counter = counter
        self._ledger = ledger
        self._door = door
        self._set_aside = SetAside(control)
        self._deadline = deadline
        self._quiet = quiet

    async def settle(self, now: datetime, *, since: datetime | None = None) -> Settlement:
        """Settle what can be at `now` (UTC); `since`: how far back to look for calls without an event.

        Raises `SomeFailed` after everything was tried; running again is then right.
        """
        run = _Run()
        pending = await self._pending(run, now)
        unread = await self._read_log(run, [call.time for call in pending], now)
        ready = [call for call in pending if self._is_complete(run.counts.get(call.call), now)]
        rest = [call for call in pending if not self._is_complete(run.counts.get(call.call), now)]
        overdue = [call for call in rest if call.time <= now - self._deadline and not _is_within(call.time, unread)]
        known = list(run.counts.values())
        completed = list(_events(run, ready, lambda call: settled(call, run.counts[call.call])))
        guesses = list(_events(run, overdue, lambda call: estimated(call, known)))
        recoveries = await run.attempt("looking for lost calls", self._recoveries(run, now, since)) or []
        for number, events in enumerate(_chunks([*completed, *guesses, *recoveries])):
            await run.attempt(f"taking events {number}", self._take(run, events, now))
        await self._say_what_is_left_out(run, now)
        left_out = sum(map(len, run.aside.values()))
        return Settlement(len(completed), len(recoveries), len(guesses), len(rest) - len(guesses), left_out)

    async def _say_what_is_left_out(self, run: _Run, now: datetime) -> None:
        # A day that Redis no longer holds has nothing to settle: what was left out of it is unsettled in the books.
        # A row of the log may be of a call that nobody knows: it stays until the log is read there again.
        known = {each.day: each.parts for each in await self._set_aside.all() if each.stage is Stage.SETTLE}
        for day in {*open_days(now), *known, *run.aside}:
            kept = {part: why for part, why in known.get(day, {}).items() if _is_unread_row(part, run.read)}
            await self._set_aside.note(Stage.SETTLE, day, kept | run.aside.get(day, {}))
        if run.failed:
            raise SomeFailed("settling", run.failed)

    async def _pending(self, run: _Run, now: datetime) -> list[PendingCall]:
        calls: list[PendingCall] = []
        for day in open_days(now):
            for raw in await run.attempt(f"pending calls of {day}", self._counter.pending(day)) or []:
                try:
                    call = PendingCall.from_event(raw)
                    if call.call:  # or raise: what has none is not known to the log either
                        calls.append(call)
                except Exception as error:  # noqa: BLE001 whatever is wrong with one entry
                    run.leave_out(day, _name(raw), error)
        return calls

    async def _read_log(self, run: _Run, times: Sequence[datetime], now: datetime) -> list[tuple[datetime, datetime]]:
        """Read the counts of calls at these times; returns the stretches that could not be read."""
        unread = []
        for since, until in _spans(times, now):
            found = await run.attempt(f"reading the log from {since:%Y-%m-%dT%H:%MZ}", self._counts(run, since, until))
            if found is None:
                unread.append((since, until))
            run.counts |= found or {}
        return unread

    async def _counts(self, run: _Run, since: datetime, until: datetime) -> dict[str, TokenCount]:
        found = await self._log.token_counts(since, until)
        run.read.append((since, until))
        _note_rows(run, found, since)
        return {count.call: count for count in found.rows}

    async def _take(self, run: _Run, events: Sequence[bytes], now: datetime) -> None:
        for each in (await self._door.ingest(events, now)).quarantined:
            run.leave_out(f"{now:%Y-%m-%d}", _name(each.raw), ChargebackError(f"{each.reason}: {each.detail}"))

    async def _recoveries(self, run: _Run, now: datetime, since: datetime | None) -> list[bytes]:
        """Events for the calls that used tokens and that nobody accounted for."""
        start = since or now - RECOVER_WITHIN
        found = await self._counts(run, start, now - RECOVER_AFTER)
        counts = [
            count
            for count in found.values()
            if self._is_complete(count, now) and _REQUEST_ID.fullmatch(count.correlation_id)
        ]
        unknown = {count.call: count for count in await self._unknown(counts, now)}
        if not unknown:
            return []
        ids = sorted({count.correlation_id for count in unknown.values()})
        calls = await self._log.calls(start - SPREAD, now, ids)
        _note_rows(run, calls, start)
        lost = [
            call
            for call in calls.rows
            if call.call in unknown and call.time <= now - RECOVER_AFTER and call.was_served(unknown[call.call])
        ]
        return list(_events(run, lost, lambda call: recovered(call, unknown[call.call])))

    async def _unknown(self, counts: Sequence[TokenCount], now: datetime) -> list[TokenCount]:
        """Of these calls, those that are known on none of the days on which their event may lie."""
        unknown = {count.call: count for count in counts}
        for day in sorted({day for count in counts for day in _days(count.time)}):
            of_day = [count for count in unknown.values() if day in _days(count.time)]
            known = await self._known(day, [count.call for count in of_day], now)
            if known is None:
                # A day that is not counted at the moment knows nothing; its own calls are left alone.
                known = [day == count.time.date().isoformat() for count in of_day]
            for count, is_known in zip(of_day, known, strict=True):
                if is_known:
                    del unknown[count.call]
        return list(unknown.values())

    async def _known(self, day: str, calls: Sequence[str], now: datetime) -> Sequence[bool] | None:
        """Whether calls are accounted for on a day: by the counter, or by the ledger where the day is closed to it."""
        if is_open(day, now):
            return await self._counter.known(day, calls)
        wanted = set(calls)
        found: set[str] = set()
        async for block in self._ledger.blocks(day):
            found |= {event.call for event in read_block(block, day)[0] if event.phase > Phase.BESIDE} & wanted
        return [call in found for call in calls]

    def _is_complete(self, count: TokenCount | None, now: datetime) -> bool:
        return count is not None and count.arrived <= now - self._quiet and count.usage()["total_tokens"] > 0


def _events(run: _Run, calls: Iterable[AnyCall], make: Callable[[AnyCall], bytes | None]) -> Iterator[bytes]:
    """The events of these calls that can be made; one that the door would refuse is not made at all."""
    for call in calls:
        try:
            event = make(call)
            if event is None:
                continue
            admit(event, EVER, OURSELVES)
        except Exception as error:  # noqa: BLE001 whatever is wrong with one call
            run.leave_out(f"{call.time:%Y-%m-%d}", f"call {call.call}", error)
        else:
            yield event


def _note_rows(run: _Run, found: Found[Any], since: datetime) -> None:
    for row, reason in found.unreadable.items():
        # A row without a time of its own stays until the whole day, from its beginning, is read again.
        time = found.times.get(row, since.replace(hour=0, minute=0, second=0, microsecond=0)).astimezone(UTC)
        part = f"{ROW_OF_LOG}{row[:100]} at {time.isoformat()}"
        run.aside.setdefault(f"{time:%Y-%m-%d}", {})[part] = reason


def _is_unread_row(part: str, read: Collection[tuple[datetime, datetime]]) -> bool:
    """Whether a part is a row of the log from a time that this run did not read."""
    if not part.startswith(ROW_OF_LOG):
        return False
    try:
        time = datetime.fromisoformat(part.rpartition(" at ")[2])
    except ValueError:  # as older versions named it, under the day of the run's beginning
        return False
    return not any(since <= time < until for since, until in read)


def _name(raw: bytes) -> str:
    """What an entry that cannot be read is called: nothing of its content."""
    return f"entry {blake2b(raw, digest_size=8).hexdigest()}"


def _is_within(time: datetime, spans: Collection[tuple[datetime, datetime]]) -> bool:
    return any(since - SPREAD <= time < until + SPREAD for since, until in spans)


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
