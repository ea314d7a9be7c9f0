"""Posting sets the right books whatever became of Redis and of Cosmos DB in between."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import StoreUnavailable, Superseded
from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event, read_filed
from chargeback.services.ports.counter import EstimateSpend
from chargeback.services.usage import recount as recounting
from chargeback.services.usage.known_day import known_day
from chargeback.services.usage.restored_books import RestoredBooks
from tests.e2e.traffic import catalogue_folder
from tests.support.builders import DAY, NOW, tokens, usage_event
from tests.support.product_in_memory import House, house

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(catalogue_folder(tmp_path_factory.mktemp("config"), DAY))


@pytest.fixture
def of(catalogue: Catalogue) -> House:
    return house(catalogue)


def calls(first: int, last: int, **fields: Any) -> list[bytes]:
    """So many calls of 100 input tokens, each with a line of its own."""
    used = {"usage": tokens(100, 0)} | fields
    return [usage_event(id=f"call-{n}", username=f"user-{n}", model="gpt-4o", **used) for n in range(first, last)]


def booked(of: House, meter: str = "input_tokens") -> int:
    return of.charges(DAY).get(("exact", meter), 0)


def restore(of: House, books: Any, control: Any) -> None:
    """Cosmos DB as it was."""
    of.books, of.control = copy.deepcopy(books), copy.deepcopy(control)


async def test_cosmos_restored_to_what_was_posted_before_redis_was_flushed_has_every_line_again(of: House) -> None:
    await of.ingest.ingest(calls(0, 4), NOW)
    await of.poster.post(NOW)
    before = copy.deepcopy((of.books, of.control))
    of.counter.days.clear()
    await of.ingest.ingest(calls(4, 8), NOW)
    await of.poster.post(NOW)

    restore(of, *before)
    await of.poster.post(NOW)

    assert booked(of) == 800


async def test_cosmos_restored_under_the_same_count_has_every_line_again(of: House) -> None:
    await of.ingest.ingest(calls(0, 4), NOW)
    await of.poster.post(NOW)
    before = copy.deepcopy((of.books, of.control))
    await of.ingest.ingest(calls(0, 4), NOW)
    await of.ingest.ingest(calls(4, 8), NOW)
    await of.poster.post(NOW)

    restore(of, *before)
    await of.poster.post(NOW)

    assert booked(of) == 800


@pytest.mark.parametrize("redis", ["kept", "flushed"])
async def test_a_restored_or_emptied_cosmos_has_every_older_day_audited(of: House, redis: str) -> None:
    old = ["2026-03-01", "2026-03-02"]
    for number, day in enumerate(old):
        await of.ledger.append(day, [usage_event(id=f"old-{number}", time=f"{day}T10:00:00Z")])
    await of.ingest.ingest(calls(0, 1), NOW)
    await of.poster.post(NOW)
    before = copy.deepcopy((of.books, of.control))
    await of.poster.post(NOW)
    assert await of.ledger.marks() == {}

    restore(of, *before)
    if redis == "flushed":
        of.counter.days.clear()
    await of.poster.post(NOW)
    marked = sorted(await of.ledger.marks())
    empty = House(of.catalogues)
    restore(of, empty.books, empty.control)
    for day, token in (await of.ledger.marks()).items():
        await of.ledger.unmark(day, token)
    await of.poster.post(NOW)

    assert marked == sorted(await of.ledger.marks()) == old
    assert booked(of) == 100


async def test_a_posting_that_dies_while_it_says_that_it_ran_marks_nothing(of: House) -> None:
    await of.ledger.append("2026-03-01", [usage_event(time="2026-03-01T10:00:00Z")])
    await of.poster.post(NOW)
    right = of.control.swap

    async def die(kind: str, *given: Any) -> str:
        if kind == "posting-run":
            raise KeyboardInterrupt
        return await right(kind, *given)

    of.control.swap = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await of.poster.post(NOW)
    of.control.swap = right  # type: ignore[method-assign]
    await of.poster.post(NOW)
    await of.poster.post(NOW)

    assert await of.ledger.marks() == {}


class Killed(BaseException):
    """The process ended."""


async def write_by_an_audit(of: House) -> None:
    await of.auditor.audit_day(DAY, NOW)


async def write_by_a_posting_of_the_day(of: House) -> None:
    await of.poster.post_day(DAY, await of.catalogues.in_force(), NOW)


async def write_by_a_posting_that_is_killed(of: House) -> None:
    right = of.control.swap
    of.control.swap = once(right)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await of.poster.post(NOW)
    of.control.swap = right  # type: ignore[method-assign]


def once(swap: Any) -> Any:
    """The mark of the beginning is set, that of the end never."""
    made = []

    async def swapped(kind: str, *given: Any) -> str:
        made.extend([kind] if kind == "posting-run" else [])
        if made.count("posting-run") > 1:
            raise Killed
        return str(await swap(kind, *given))

    return swapped


@pytest.mark.parametrize("write", [write_by_an_audit, write_by_a_posting_of_the_day, write_by_a_posting_that_is_killed])
async def test_cosmos_restored_to_before_any_write_of_the_books_has_every_line_again(
    of: House, write: Callable[[House], Awaitable[None]]
) -> None:
    await of.ingest.ingest(calls(0, 4), NOW)
    await of.poster.post(NOW)
    before = copy.deepcopy((of.books, of.control))
    await of.ingest.ingest(calls(4, 8), NOW)
    await write(of)
    written = booked(of)

    restore(of, *before)
    await of.poster.post(NOW)

    assert (written, booked(of)) == (800, 800)


class Gate:
    """A store in which a call of one method waits, the first or a later one, or ends the process."""

    def __init__(self, store: Any, method: str, call: int = 1, *, kills: bool = False) -> None:
        self._store, self._method, self._left, self._kills = store, method, call, kills
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name != self._method:
            return found

        async def wait(*given: Any) -> Any:
            self._left -= 1
            if self._left:
                return await found(*given)
            self.reached.set()
            if self._kills:
                raise Killed
            await self.open.wait()
            return await found(*given)

        return wait


async def watch(books: RestoredBooks) -> None:
    async with books.watching(NOW):
        pass


@pytest.mark.parametrize(("late", "call"), [("latest_note", 1), ("note", 1), ("note", 2), ("swap", 1)])
@pytest.mark.parametrize("dies", ["nobody", "the first", "the second"])
async def test_two_postings_at_once_alarm_nobody(of: House, late: str, call: int, dies: str) -> None:
    await of.ledger.append("2026-03-01", [usage_event(time="2026-03-01T10:00:00Z")])
    await of.poster.post(NOW)
    slow = Gate(of.control if late == "swap" else of.ledger, late, call)
    ledger, control = (of.ledger, slow) if late == "swap" else (slow, of.control)
    first = asyncio.create_task(watch(RestoredBooks(ledger, of.counter, control)))  # type: ignore[arg-type]
    await slow.reached.wait()

    killed = Gate(of.control, "swap", kills=dies == "the second")
    if dies != "the second":
        killed.open.set()
    with suppress(Killed):
        await watch(RestoredBooks(of.ledger, of.counter, killed))  # type: ignore[arg-type]
    if dies == "the first":
        first.cancel()
    slow.open.set()
    await asyncio.wait([first])
    await of.poster.post(NOW)

    assert await of.ledger.marks() == {}
    assert len((await of.ledger.latest_note())[0].split()) == 1


async def test_a_mark_that_a_lagging_replica_does_not_have_yet_alarms_nobody(of: House) -> None:
    await of.ledger.append("2026-03-01", [usage_event(time="2026-03-01T10:00:00Z")])
    await of.poster.post(NOW)
    stale, right = await of.control.get_versioned("posting-run", "latest"), of.control.get_versioned
    await of.poster.post(NOW)

    async def lag(*given: str) -> Any:
        of.control.get_versioned = right  # type: ignore[method-assign]
        return stale

    of.control.get_versioned = lag  # type: ignore[method-assign]
    await watch(RestoredBooks(of.ledger, of.counter, of.control))

    assert await of.ledger.marks() == {}


async def test_what_a_failover_takes_from_an_instance_that_counts_no_more_is_found_by_the_audit(of: House) -> None:
    ingester, poster = of.counter, MemoryCounter(days=of.counter.days)
    await of.ingest.ingest(calls(0, 5), NOW)
    of.counter = poster
    await of.poster.post(NOW)
    before = copy.deepcopy(of.counter.days[DAY])
    of.counter = ingester
    await of.ingest.ingest(calls(5, 8), NOW)

    of.counter = poster
    of.counter.days[DAY] = before
    await of.poster.post(NOW)
    unheard = booked(of)
    audited = await of.auditor.audit_day(DAY, NOW)

    assert (unheard, booked(of), audited.drift_lines) == (500, 800, 3)


async def test_what_a_failover_takes_is_there_as_soon_as_the_instance_counts_again(of: House) -> None:
    ingester, poster = of.counter, MemoryCounter(days=of.counter.days)
    await of.ingest.ingest(calls(0, 5), NOW)
    before = copy.deepcopy(of.counter.days[DAY])
    await of.ingest.ingest(calls(5, 8), NOW)

    of.counter.days[DAY] = before
    of.counter = ingester
    await of.ingest.ingest(calls(8, 9), NOW)
    of.counter = poster
    await of.poster.post(NOW)

    assert booked(of) == 900


async def test_a_failover_that_undoes_the_forgetting_of_an_audit_costs_no_line(of: House) -> None:
    await of.ingest.ingest(calls(0, 7), NOW)
    await of.poster.post(NOW)
    before = copy.deepcopy(of.counter.days)
    await of.ledger.append(DAY, calls(7, 8))

    await of.auditor.audit_day(DAY, NOW)
    of.counter.days = before
    await of.poster.post(NOW)

    assert booked(of) == 800


class At(MemoryCounter):
    """A counter to which something happens after so many calls of a method."""

    def __init__(self, method: str, after: int, happens: Callable[["At"], None]) -> None:
        super().__init__()
        self.method, self.left, self.happens = method, after, happens

    def __getattribute__(self, name: str) -> Any:
        if name == super().__getattribute__("__dict__").get("method"):
            self.left -= 1
            if self.left == -1:
                self.happens(self)
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    ("method", "after"),
    [
        ("count", 0),
        ("count", 2),
        *((each, 0) for each in ("changed_lines", "lines", "mark_posted", "touch", "epoch", "begin")),
    ],
)
async def test_a_flush_during_a_replay_loses_nothing(
    of: House, monkeypatch: pytest.MonkeyPatch, method: str, after: int
) -> None:
    monkeypatch.setattr(recounting, "PIECE_BYTES", 1_000)
    await of.ledger.append(DAY, calls(0, 5))
    flushed = []

    def flush_twice(counter: At) -> None:
        counter.days.clear()
        flushed.append(method)
        if len(flushed) == 1:
            counter.left = after + 1

    of.counter = At(method, after, flush_twice)
    for _ in range(3):
        await of.poster.post(NOW)

    assert booked(of) == 500


async def test_a_flush_and_new_events_during_a_replay_lose_nothing(of: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounting, "PIECE_BYTES", 1_000)
    await of.ledger.append(DAY, calls(0, 20))
    events = await _read(of)

    class Flushed(MemoryCounter):
        times = 0

        async def count(self, day: str, given: Sequence[UsageEvent], estimate: EstimateSpend) -> Sequence[bool]:
            self.times += 1
            flags = await super().count(day, given, estimate)
            if self.times == 2:
                self.days.clear()
                await super().count(day, events[:1], estimate)
            return flags

    of.counter = Flushed()
    await of.poster.post_day(DAY, await of.catalogues.in_force(), NOW)

    assert booked(of) == 2_000


async def _read(of: House) -> list[UsageEvent]:
    return [read_filed(raw, DAY) for raw in of.ledger.events[DAY]]


async def test_a_retry_that_finds_nothing_left_to_write_still_renews_the_summary(of: House) -> None:
    await of.ingest.ingest(calls(0, 12), NOW)
    write, failed = of.books.write, []

    async def supersede_once(day: str, shard: int, *given: Any) -> Any:
        written = await write(day, shard, *given)
        if shard == 0 and not failed:
            failed.append(shard)
            raise Superseded("another run wrote first")
        return written

    of.books.write = supersede_once  # type: ignore[method-assign]
    await of.poster.post(NOW)

    found = await of.books.summary(DAY)
    assert found is not None
    assert found[0]["total"]["quantities"]["requests"] == 12


async def test_a_call_is_missing_only_where_the_counter_has_counted_the_whole_ledger(of: House) -> None:
    event, lost = usage_event(id="there"), usage_event(id="lost")
    call = {name: (await _call(raw)) for name, raw in (("there", event), ("lost", lost))}

    async def known() -> Sequence[bool] | None:
        async with known_day(of.counter, of.ledger, of.books, DAY, NOW, by_ledger=False) as day:
            assert day is not None
            return [each is not None for each in await day.seen(list(call.values()))] if day.is_whole else None

    unposted = await known()
    await of.ingest.ingest([event], NOW)
    fresh = await known()
    await of.poster.post(NOW)
    posted = await known()
    of.counter.days.clear()
    flushed = await known()
    await of.ingest.ingest([usage_event()], NOW)
    counted_anew = await known()
    await of.poster.post(NOW + timedelta(minutes=15))

    assert (unposted, fresh, posted, flushed, counted_anew) == (None, None, [True, False], None, None)
    assert await known() == [True, False]


async def _call(raw: bytes) -> str:
    return read_event(raw, EVER).call


async def test_a_blob_storage_that_is_away_keeps_nothing_from_being_posted(of: House) -> None:
    await of.ingest.ingest(calls(0, 3), NOW)
    await of.poster.post(NOW)
    await of.ingest.ingest(calls(3, 5), NOW)

    async def away(*_: object) -> str:
        raise StoreUnavailable("Blob storage is away")

    of.ledger.latest_note = away  # type: ignore[method-assign]
    await of.poster.post(NOW)

    assert booked(of) == 500
