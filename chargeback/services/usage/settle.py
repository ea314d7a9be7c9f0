"""Settles calls: takes lost events from the gateway's log, and gives pending calls their tokens from it.

Every event goes through the door that all events go through, with an id that depends on the call alone: a second run,
also at the same time, changes nothing. What cannot be settled of one call, one stretch of the log or one day is set
aside with its reason, and everything else is settled. Nothing is held of a day but some hundred calls at a time.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chargeback.domain.errors import SomeFailed
from chargeback.domain.streams.gateway_log import KeptEvent
from chargeback.domain.streams.settlement import PendingCall, is_pending
from chargeback.domain.time.days import UtcDay, days_between, start_of, utc_day
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Catalogues, Control
from chargeback.services.ports.counter import Counter
from chargeback.services.ports.gateway_log import GatewayLog
from chargeback.services.ports.ledger import Ledger
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.usage.complete_calls import Completer, Means
from chargeback.services.usage.ingest import Ingested, open_days
from chargeback.services.usage.known_day import KnownDay, known_day
from chargeback.services.usage.recover_events import RECOVER_AFTER, Recoverer, portions, stretches
from chargeback.services.usage.settle_run import Run, unreadable_name

RECOVER_WITHIN = timedelta(hours=6)
"""How far back each run looks for lost events, unless it is told to look further."""


class Door(Protocol):
    """The one door for usage events; see `services.usage.ingest.Ingest`."""

    async def ingest(self, raw_events: Sequence[bytes], now: datetime) -> Ingested:
        """Make the events durable and count them."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result of one run.

    Attributes:
        settled: pending calls that the log had counts for.
        recovered: events that had not arrived and were taken, or made, from the log.
        estimated: pending calls past the deadline, estimated.
        waiting: pending calls left as they are, within the deadline or without anything to go by.
        set_aside: pending calls and rows of the log that cannot be used as they are, and callers with more calls that
            wait than Redis keeps.
    """

    settled: int
    recovered: int
    estimated: int
    waiting: int
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class DayToSettle:
    """A UTC day to settle, and the part of it in which lost events are looked for."""

    day: UtcDay
    since: datetime
    until: datetime


class Settler:
    """Settles days."""

    def __init__(
        self,
        log: GatewayLog,
        counter: Counter,
        ledger: Ledger,
        books: Books,
        door: Door,
        control: Control,
        catalogues: Catalogues,
        *,
        deadline: timedelta = timedelta(hours=24),
        quiet: timedelta = timedelta(minutes=5),
        max_age: timedelta = timedelta(days=400),
    ) -> None:
        """A call is settled when nothing more of it has arrived for `quiet`, because its rows come in parts.

        Days older than `max_age` are left alone: the door takes nothing of them, and their ledger may be gone.
        """
        self._counter = counter
        self._ledger = ledger
        self._books = books
        self._door = door
        self._set_aside = SetAside(control)
        self._max_age = max_age
        self._completer = Completer(log, catalogues, deadline=deadline, quiet=quiet)
        self._recoverer = Recoverer(log, catalogues, quiet=quiet)

    async def settle(
        self, now: datetime, *, since: datetime | None = None, days: Collection[UtcDay] = ()
    ) -> Settlement:
        """Settle what can be at `now` (UTC): the open days; or all days `since` then, or just these `days`.

        Where Redis does not know a day that is asked for, or not all that waits there, its ledger is recounted.
        Raises `SomeFailed` after everything was tried; running again is then right.
        """
        run = Run(now)
        by_ledger = since is not None or bool(days)
        work = _Work(run, {}, {}, by_ledger=by_ledger)
        oldest = utc_day(now - self._max_age)
        for scope in scopes(now, since, days):
            if scope.day < oldest:
                run.failed[scope.day] = f"older than the {self._max_age.days} days of which events are accepted"
            else:
                await run.attempt(f"settling {scope.day}", self._settle_day(work, scope))
        for day, kept in sorted(work.elsewhere.items()):
            await run.attempt(f"looking for lost events of {day}", self._recover_elsewhere(work, day, kept))
        await self._say_what_is_left_out(run)
        left_out = sum(map(len, run.aside.values()))
        return Settlement(run.settled, run.recovered, run.estimated, run.waiting, left_out)

    async def _settle_day(self, work: "_Work", scope: DayToSettle) -> None:
        async with self._known(work, scope.day) as known:
            if known is None:
                return
            if known.is_whole:
                for since, until in stretches(scope.since, scope.until):
                    name = f"reading the log from {since:%Y-%m-%dT%H:%MZ}"
                    await work.run.attempt(name, self._recover_stretch(work, known, scope.day, since, until))
            async for raw_events in known.pending():
                calls = list(_readable(work.run, scope.day, raw_events))
                await work.run.attempt(f"pending calls of {scope.day}", self._complete(work, calls))
            for caller, calls_beyond in (await known.beyond()).items():
                reason = (
                    f"{calls_beyond} calls beyond those that Redis keeps of a caller:"
                    f" `chargeback settle --day {scope.day}`"
                )
                work.run.leave_out(scope.day, f"waiting calls of {caller or 'nobody'}", reason)

    def _known(self, work: "_Work", day: UtcDay) -> AbstractAsyncContextManager[KnownDay | None]:
        return known_day(self._counter, self._ledger, self._books, day, work.run.now, by_ledger=work.by_ledger)

    async def _recover_stretch(
        self, work: "_Work", known: KnownDay, day: UtcDay, since: datetime, until: datetime
    ) -> None:
        own = []
        for each in await self._recoverer.kept_events(work.run, since, until):
            if each.day == day:
                own.append(each)
            else:  # fetched on another day than it was made, or logged around midnight
                work.elsewhere.setdefault(each.day, []).append(each)
        await self._recover(work, known, own)

    async def _recover_elsewhere(self, work: "_Work", day: UtcDay, kept: Sequence[KeptEvent]) -> None:
        async with self._known(work, day) as known:
            if known is not None and known.is_whole:
                await self._recover(work, known, kept)

    async def _recover(self, work: "_Work", known: KnownDay, kept: Sequence[KeptEvent]) -> None:
        for some in portions(await self._recoverer.missing(known, kept)):
            events = await self._recoverer.events(work.run, some)
            await self._take(work.run, events)
            if known.is_still:
                begun = [PendingCall.from_event(raw) for raw in events if is_pending(raw)]
                await self._complete(work, begun)

    async def _complete(self, work: "_Work", calls: Sequence[PendingCall]) -> None:
        if calls:
            await self._take(work.run, await self._completer.complete(work.run, calls, work.means))

    async def _take(self, run: Run, events: Sequence[bytes]) -> None:
        for each in (await self._door.ingest(events, run.now)).quarantined if events else ():
            run.leave_out(utc_day(run.now), unreadable_name(each.raw), f"{each.reason}: {each.detail}")

    async def _say_what_is_left_out(self, run: Run) -> None:
        # A day that Redis no longer holds has nothing to settle: what was left out of it is unsettled in the books.
        # A row of the log may be of a call that nobody knows: it stays until the log is read there again.
        known = {UtcDay(each.day): each.parts for each in await self._set_aside.all() if each.stage is Stage.SETTLE}
        for day in {*open_days(run.now), *known, *run.aside}:
            kept = {part: why for part, why in known.get(day, {}).items() if run.keeps(part)}
            await self._set_aside.note(Stage.SETTLE, day, kept | run.aside.get(day, {}))
        if run.failed:
            raise SomeFailed("settling", run.failed)


@dataclass(frozen=True, slots=True)
class _Work:
    """The state that the parts of one run share."""

    run: Run
    means: dict[UtcDay, Means]
    elsewhere: dict[UtcDay, list[KeptEvent]]
    """Kept events of another day than the log was read for."""
    by_ledger: bool


def scopes(now: datetime, since: datetime | None, days: Collection[UtcDay]) -> Iterator[DayToSettle]:
    """The days of a run, oldest first; an event of the last half hour may still be on its way."""
    first = since or (now - RECOVER_WITHIN if not days else datetime.min.replace(tzinfo=UTC))
    last = now - RECOVER_AFTER
    for day in sorted(days) or (days_between(utc_day(first), utc_day(now)) if since else open_days(now)):
        start = start_of(day)
        yield DayToSettle(day, max(first, start), min(last, start + timedelta(days=1)))


def _readable(run: Run, day: UtcDay, raw_events: Sequence[bytes]) -> Iterator[PendingCall]:
    for raw in raw_events:
        try:
            call = PendingCall.from_event(raw)
            if call.call:  # or raise: what has none is not known to the log either
                yield call
        except Exception as error:  # noqa: BLE001 whatever is wrong with one entry
            run.leave_out(day, unreadable_name(raw), reason_of(error))
