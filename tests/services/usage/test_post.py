"""Posting sets the right books whatever became of Redis in between."""

import copy
from collections.abc import Callable, Sequence
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
from tests.e2e.traffic import catalogue_folder
from tests.support.builders import DAY, NOW, usage_event
from tests.support.posted_calls import booked, calls
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(catalogue_folder(tmp_path_factory.mktemp("config"), DAY))


@pytest.fixture
def of(catalogue: Catalogue) -> ProductInMemory:
    return in_memory(catalogue)


async def test_what_a_failover_takes_from_an_instance_that_counts_no_more_is_found_by_the_audit(
    of: ProductInMemory,
) -> None:
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


async def test_what_a_failover_takes_is_there_as_soon_as_the_instance_counts_again(of: ProductInMemory) -> None:
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


async def test_a_failover_that_undoes_the_forgetting_of_an_audit_costs_no_line(of: ProductInMemory) -> None:
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
    of: ProductInMemory, monkeypatch: pytest.MonkeyPatch, method: str, after: int
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


async def test_a_flush_and_new_events_during_a_replay_lose_nothing(
    of: ProductInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
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


async def _read(of: ProductInMemory) -> list[UsageEvent]:
    return [read_filed(raw, DAY) for raw in of.ledger.events[DAY]]


async def test_a_retry_that_finds_nothing_left_to_write_still_renews_the_summary(of: ProductInMemory) -> None:
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


async def test_a_call_is_missing_only_where_the_counter_has_counted_the_whole_ledger(of: ProductInMemory) -> None:
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


async def test_a_blob_storage_that_is_away_keeps_nothing_from_being_posted(of: ProductInMemory) -> None:
    await of.ingest.ingest(calls(0, 3), NOW)
    await of.poster.post(NOW)
    await of.ingest.ingest(calls(3, 5), NOW)

    async def away(*_: object) -> str:
        raise StoreUnavailable("Blob storage is away")

    of.ledger.latest_note = away  # type: ignore[method-assign]
    await of.poster.post(NOW)

    assert booked(of) == 500
