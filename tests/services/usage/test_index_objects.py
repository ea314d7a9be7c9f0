"""The index of stored objects follows the ledger: at once where it can, later where a store is away, never lost."""

import asyncio
from collections.abc import Collection, Sequence
from types import SimpleNamespace

import pytest

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.stores import (
    MemoryCatalogues,
    MemoryLedger,
    MemoryMarks,
    MemoryObjects,
    MemoryQuarantine,
)
from chargeback.domain.errors import SomeFailed, StoreUnavailable
from chargeback.domain.events.emitters import Emitter
from chargeback.domain.events.stored_objects import StoredObject
from chargeback.services.usage import index_objects
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.index_objects import ObjectIndex
from chargeback.services.usage.ingest import Ingest
from tests.support.builders import DAY, NOW, usage_event
from tests.support.catalogues import catalogue

pytestmark = pytest.mark.anyio

FILE = usage_event(operation="files", objectId="file-1")


class Objects(MemoryObjects):
    """A store that can be away, or hang."""

    away = False
    hangs = False
    asked = 0
    read = 0
    written = 0

    async def find(self, ids: Collection[str]) -> dict[str, StoredObject]:
        """Those that are known."""
        self.read += len(ids)
        return await super().find(ids)

    async def add(self, objects: Sequence[StoredObject]) -> None:
        """Keep the objects, if it is there."""
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise StoreUnavailable("away")
        self.written += len(objects)
        await super().add(objects)


class Marks(MemoryMarks):
    """Marks that can be away."""

    away = False

    async def mark(self, day: str) -> None:
        """Remember the day, if it is there."""
        if self.away:
            raise StoreUnavailable("away")
        await super().mark(day)


class Place:
    """A door with its index, in memory."""

    def __init__(self) -> None:
        self.ledger, self.objects, self.marks = MemoryLedger(), Objects(), Marks()
        self.index = ObjectIndex(self.ledger, self.objects, self.marks)
        estimator = EffectiveSpendEstimator(MemoryCatalogues(catalogue()), catalogue())
        self.door = Ingest(self.ledger, MemoryCounter(), MemoryQuarantine(), estimator, objects=self.index)

    async def take(self, *events: bytes) -> int:
        return (await self.door.ingest(events, NOW)).accepted

    async def owner(self, name: str = "file-1") -> str | None:
        found = await self.index.find([name])
        return found[name].owner if name in found else None


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(index_objects, "WRITE_SECONDS", 0.05)
    return Place()


async def test_an_object_has_its_owner_once_its_event_is_acknowledged(place: Place) -> None:
    await place.take(usage_event(), FILE)

    assert await place.owner() == "subscription/search"
    assert place.objects.asked == 1
    assert await place.marks.all() == {}


async def test_the_first_owner_stays(place: Place) -> None:
    await place.take(FILE)
    await place.take(usage_event(objectId="file-1", subscriptionId="support"), FILE)
    await place.index.rebuild(DAY)

    assert await place.owner() == "subscription/search"


async def test_an_emitter_claims_no_object(place: Place) -> None:
    emitter = Emitter("evil", ("/emitter/evil",), ("support",))
    claim = usage_event(source="/emitter/evil", subscriptionId="support", objectId="file-1")

    accepted = await place.door.ingest([claim], NOW, emitter=emitter)
    await place.index.rebuild(DAY)

    assert accepted.accepted == 1
    assert await place.owner() is None


@pytest.mark.parametrize("trouble", ["away", "hangs"])
async def test_metering_goes_on_without_the_index_which_catches_up(place: Place, trouble: str) -> None:
    setattr(place.objects, trouble, True)

    accepted = [await place.take(FILE), await place.take(usage_event(objectId="file-2"))]
    asked = place.objects.asked
    setattr(place.objects, trouble, False)
    before = await place.owner()
    caught_up = await place.index.catch_up()

    assert accepted == [1, 1]
    assert asked == 1  # a store that failed is left alone for a while
    assert before is None
    assert caught_up == [2]
    assert [await place.owner(name) for name in ("file-1", "file-2")] == ["subscription/search"] * 2
    assert await place.marks.all() == {}


async def test_a_day_that_was_marked_again_meanwhile_stays_marked(place: Place) -> None:
    place.objects.away = True
    await place.take(FILE)
    place.objects.away = False
    real = place.objects.add

    async def add(objects: Sequence[StoredObject]) -> None:
        await place.marks.mark(DAY)
        await real(objects)

    place.objects.add = add  # type: ignore[method-assign]
    await place.index.catch_up()

    assert list(await place.marks.all()) == [DAY]


async def test_a_store_that_stays_away_leaves_its_mark_and_says_so(place: Place) -> None:
    place.objects.away = True
    await place.take(FILE)

    with pytest.raises(SomeFailed):
        await place.index.catch_up()

    assert list(await place.marks.all()) == [DAY]


async def test_an_event_is_not_acknowledged_when_neither_index_nor_mark_could_be_kept(place: Place) -> None:
    place.objects.away = place.marks.away = True
    with pytest.raises(StoreUnavailable):
        await place.take(FILE)
    place.objects.away = place.marks.away = False

    await place.take(FILE)
    await place.index.catch_up()

    assert await place.owner() == "subscription/search"


async def test_the_ledger_gives_the_whole_index_again(place: Place) -> None:
    events = [usage_event(objectId=f"file-{number}", subscriptionId=f"team-{number % 7}") for number in range(2_500)]
    await place.take(*events)
    before = dict(place.objects.known)
    place.objects.known.clear()

    counts = [await place.index.rebuild(DAY) for _ in range(2)]

    assert counts == [2_500, 2_500]
    assert place.objects.known == before


async def test_a_question_that_takes_too_long_is_told_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def find(ids: object) -> dict[str, StoredObject]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(index_objects, "FIND_SECONDS", 0.05)
    place.objects.find = find  # type: ignore[method-assign,assignment]

    with pytest.raises(StoreUnavailable):
        await place.index.find(["file-1"])


async def test_catching_up_writes_what_is_missing_and_nothing_else(place: Place) -> None:
    await place.take(*[usage_event(objectId=f"file-{number}") for number in range(1_000)])
    place.objects.away = True
    await place.take(FILE, usage_event(objectId="late"))
    place.objects.away, place.objects.written = False, 0

    await place.index.catch_up()

    assert place.objects.written == 1
    assert await place.owner("late") == "subscription/search"
    assert await place.marks.all() == {}


async def test_a_day_that_takes_too_long_is_gone_on_with_by_the_next_run(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.objects.away = True
    await place.take(*[usage_event(objectId=f"file-{number}") for number in range(2_500)])
    place.objects.away = False
    clock = iter(range(1_000))
    monkeypatch.setattr(index_objects, "CATCH_UP_SECONDS", 2)
    monkeypatch.setattr(index_objects, "time", SimpleNamespace(monotonic=lambda: next(clock)))

    counts, left = [], []
    for _ in range(3):
        counts += await place.index.catch_up()
        left.append(len(await place.marks.all()))

    assert counts == [1_000, 1_000, 500]
    assert left == [1, 1, 0]
    assert (place.objects.read, place.objects.written) == (2_500, 2_500)


async def test_a_day_that_is_marked_again_between_two_runs_is_gone_through_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.objects.away = True
    await place.take(*[usage_event(objectId=f"file-{number}") for number in range(1_500)])
    place.objects.away = False
    monkeypatch.setattr(index_objects, "CATCH_UP_SECONDS", 2)
    clock = iter(range(1_000))
    monkeypatch.setattr(index_objects, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    first = await place.index.catch_up()
    await place.marks.mark(DAY)
    rest = await place.index.catch_up()
    marked = await place.marks.all()
    again = [await place.index.catch_up() for _ in range(2)]

    assert [first, rest] == [[1_000], [500]]
    assert list(marked) == [DAY]
    assert again == [[1_000], [500]]
    assert await place.marks.all() == {}


async def test_a_batch_that_was_under_way_before_objects_had_owners_is_its_callers_after_a_rebuild(
    place: Place,
) -> None:
    pending = usage_event(type="pending", operation="batches", method="POST", responseId="batch_1")
    await place.take(pending)
    before = await place.owner("batch_1")

    assert await place.index.rebuild(DAY) == 1
    assert (before, await place.owner("batch_1")) == (None, "subscription/search")


async def test_made_up_ids_cost_few_reads_and_ones_own_are_all_found(place: Place) -> None:
    own = [f"file-{number}" for number in range(500)]
    await place.take(*[usage_event(objectId=name) for name in own])
    place.objects.read = 0

    found = await place.index.find(own, unknown=20)
    of_own = place.objects.read
    made_up = await place.index.find([f"x-{number}" for number in range(512)], unknown=20)

    assert (len(found), of_own) == (500, 500)
    assert (len(made_up), place.objects.read - of_own) == (0, 32)
