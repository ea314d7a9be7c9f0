"""A settled day's file is only ever used while it equals the books, whoever writes what and whenever a run dies."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.errors import Superseded
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.reports.settled import records_path
from chargeback.services.ports.books import SETTLED
from chargeback.services.settled.pointer import current_pointer, put_pointer, read_pointer
from chargeback.services.settled.settle_day import settle_day
from chargeback.services.settled.settled_days import SettledDays
from tests.services.settled.test_pack import by_id, record
from tests.support.builders import DAY
from tests.support.examples import few

pytestmark = pytest.mark.anyio

PATH = records_path(DAY)


async def write(books: Any, *records: UsageRecord, shard: int = 1) -> None:
    await books.write(DAY, shard, (await books.postings(DAY)).get(shard), (None, "digest"), records)


async def read(days: SettledDays) -> tuple[bool, dict[str, UsageRecord]]:
    """Whether the file is used, and what is read."""
    async with days.open(DAY) as file:
        is_settled = file is not None
    return is_settled, by_id([each for page in [page async for page in days.records(DAY)] for each in page])


class Killed(Exception):
    """The run died here."""


class Dying:
    """A store whose calls work until the run dies: before the call of this number, or after it."""

    def __init__(self, store: Any, names: Sequence[str], deaths: list[int]) -> None:
        self._store, self._names, self._deaths = store, names, deaths

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in self._names:
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            self._deaths[0] -= 1
            if self._deaths[0] == 0:
                raise Killed
            result = await found(*arguments, **named)
            self._deaths[0] -= 1
            if self._deaths[0] == 0:
                raise Killed
            return result

        return call


async def test_a_day_is_read_from_its_file_once_it_is_settled() -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    days = SettledDays(books, files)
    await write(books, record(1), record(2))
    before = await read(days)

    pointer = await settle_day(books, files, DAY)

    assert before == (False, by_id([record(1), record(2)]))
    assert await read(days) == (True, by_id([record(1), record(2)]))
    assert pointer is not None
    assert (pointer.path, pointer.rows) == (PATH, 4)


async def test_a_day_that_was_never_written_gets_no_file() -> None:
    books, files = MemoryBooks(), MemorySettledFiles()

    assert await settle_day(books, files, DAY) is None
    assert files.files == {}


async def test_settling_a_day_again_writes_nothing() -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    await write(books, record(1))
    pointer = await settle_day(books, files, DAY)
    file, known = files.files[PATH], await books.summary(DAY, SETTLED)

    assert await settle_day(books, files, DAY) == pointer
    assert (files.files[PATH], await books.summary(DAY, SETTLED)) == (file, known)


async def test_a_late_change_is_read_from_the_books_until_the_day_is_settled_again() -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    days = SettledDays(books, files)
    await write(books, record(1))
    await settle_day(books, files, DAY)

    await write(books, record(2))

    assert await read(days) == (False, by_id([record(1), record(2)]))
    await settle_day(books, files, DAY)
    assert await read(days) == (True, by_id([record(1), record(2)]))


async def test_books_that_were_written_again_as_they_are_keep_the_file() -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    await write(books, record(1))
    await settle_day(books, files, DAY)
    file = files.files[PATH]
    await write(books, record(1))

    await settle_day(books, files, DAY)

    assert files.files[PATH] == file
    assert await read(SettledDays(books, files)) == (True, by_id([record(1)]))


@pytest.mark.parametrize("damage", [None, b"", b"PAR1 and something else"])
async def test_a_missing_or_damaged_file_is_not_used_and_is_written_again(
    damage: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    days = SettledDays(books, files)
    await write(books, record(1))
    await settle_day(books, files, DAY)
    del files.files[PATH]
    if damage is not None:
        (tmp_path / "damaged").write_bytes(damage)
        await files.put(PATH, tmp_path / "damaged", None)

    assert await read(days) == (False, by_id([record(1)]))
    assert "settled_day_unusable" in caplog.text
    await settle_day(books, files, DAY)
    assert await read(days) == (True, by_id([record(1)]))


async def test_a_file_of_another_version_is_not_used_and_is_written_again() -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    days = SettledDays(books, files)
    await write(books, record(1))
    await settle_day(books, files, DAY)
    pointer, token = await read_pointer(books, DAY)
    assert pointer is not None
    await put_pointer(
        books, DAY, type(pointer)(**{**{f: getattr(pointer, f) for f in pointer.__struct_fields__}, "schema": 0}), token
    )

    assert await read(days) == (False, by_id([record(1)]))
    await settle_day(books, files, DAY)
    assert await read(days) == (True, by_id([record(1)]))


async def test_books_that_change_while_they_are_read_settle_nothing() -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    await write(books, record(1))
    found = books.documents

    async def documents(day: str) -> Any:
        async for page in found(day):
            yield page
            await write(books, record(2))

    books.documents = documents  # type: ignore[method-assign]

    with pytest.raises(Superseded, match="changed while they were read"):
        await settle_day(books, files, DAY)

    assert files.files == {}
    assert await current_pointer(books, DAY) is None


@pytest.mark.parametrize("death", range(1, 15))
async def test_a_kill_at_any_write_leaves_what_was_there_and_the_next_run_finishes(death: int) -> None:
    books, files = MemoryBooks(), MemorySettledFiles()
    days = SettledDays(books, files)
    await write(books, record(1))
    await settle_day(books, files, DAY)
    await write(books, record(2))
    deaths = [death]
    watched = ("token", "put", "postings", "summary", "put_summary")

    with suppress(Killed):
        await settle_day(Dying(books, watched, deaths), Dying(files, watched, deaths), DAY)

    for _ in range(2):
        assert (await read(days))[1] == by_id([record(1), record(2)])
        await settle_day(books, files, DAY)
    assert await read(days) == (True, by_id([record(1), record(2)]))


@settings(max_examples=few(6))
@given(st.lists(st.integers(0, 3), min_size=4, max_size=40))
async def test_runs_and_postings_in_any_order_never_show_anything_but_the_books(order: list[int]) -> None:
    """Each step lets one of two settling runs, a posting or a reader go on to its next call of a store."""
    books, files = MemoryBooks(), MemorySettledFiles()
    days = SettledDays(books, files)
    await write(books, record(1))
    turns = [asyncio.Semaphore(0) for _ in range(2)]

    def paced(store: Any, turn: asyncio.Semaphore) -> Any:
        return Paced(store, ("token", "put", "postings", "summary", "put_summary"), turn)

    runs = [asyncio.create_task(settle_day(paced(books, turn), paced(files, turn), DAY)) for turn in turns]
    number = 1
    for step in order:
        if step < 2:
            turns[step].release()
            await asyncio.sleep(0.001)
        elif step == 2:
            number += 1
            await write(books, record(number))
        assert (await read(days))[1] == by_id([record(each) for each in range(1, number + 1)])
    for turn in turns:
        for _ in range(20):
            turn.release()
    outcomes = await asyncio.gather(*runs, return_exceptions=True)

    assert all(not isinstance(each, BaseException) or isinstance(each, Superseded) for each in outcomes)
    assert (await read(days))[1] == by_id([record(each) for each in range(1, number + 1)])
    await settle_day(books, files, DAY)
    assert (await read(days))[0]


class Paced:
    """A store whose calls wait for their turn."""

    def __init__(self, store: Any, names: Sequence[str], turn: asyncio.Semaphore) -> None:
        self._store, self._names, self._turn = store, names, turn

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in self._names:
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            await self._turn.acquire()
            return await found(*arguments, **named)

        return call
