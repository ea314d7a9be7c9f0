"""A Cosmos DB that was restored or emptied is noticed, and posting and auditing write every line again."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.services.usage.restored_books import RestoredBooks
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


def restore(of: ProductInMemory, books: Any, control: Any) -> None:
    """Cosmos DB as it was."""
    of.books, of.control = copy.deepcopy(books), copy.deepcopy(control)


async def test_cosmos_restored_to_what_was_posted_before_redis_was_flushed_has_every_line_again(
    of: ProductInMemory,
) -> None:
    await of.ingest.ingest(calls(0, 4), NOW)
    await of.poster.post(NOW)
    before = copy.deepcopy((of.books, of.control))
    of.counter.days.clear()
    await of.ingest.ingest(calls(4, 8), NOW)
    await of.poster.post(NOW)

    restore(of, *before)
    await of.poster.post(NOW)

    assert booked(of) == 800


async def test_cosmos_restored_under_the_same_count_has_every_line_again(of: ProductInMemory) -> None:
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
async def test_a_restored_or_emptied_cosmos_has_every_older_day_audited(of: ProductInMemory, redis: str) -> None:
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
    empty = ProductInMemory(of.catalogues)
    restore(of, empty.books, empty.control)
    for day, token in (await of.ledger.marks()).items():
        await of.ledger.unmark(day, token)
    await of.poster.post(NOW)

    assert marked == sorted(await of.ledger.marks()) == old
    assert booked(of) == 100


async def test_a_posting_that_dies_while_it_says_that_it_ran_marks_nothing(of: ProductInMemory) -> None:
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


async def write_by_an_audit(of: ProductInMemory) -> None:
    await of.auditor.audit_day(DAY, NOW)


async def write_by_a_posting_of_the_day(of: ProductInMemory) -> None:
    await of.poster.post_day(DAY, await of.catalogues.in_force(), NOW)


async def write_by_a_posting_that_is_killed(of: ProductInMemory) -> None:
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
    of: ProductInMemory, write: Callable[[ProductInMemory], Awaitable[None]]
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
async def test_two_postings_at_once_alarm_nobody(of: ProductInMemory, late: str, call: int, dies: str) -> None:
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


async def test_a_mark_that_a_lagging_replica_does_not_have_yet_alarms_nobody(of: ProductInMemory) -> None:
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
