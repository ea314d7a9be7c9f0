"""The ledger keeps every event that it acknowledged, whoever writes, reads or deletes beside it."""

import asyncio
import os
from collections import Counter

import pytest

from chargeback.adapters.blob_ledger import BlobLedger
from chargeback.bootstrap import Container
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.ports import Ledger
from scripts.local.clear import clear_blobs
from scripts.local.stack import Stack
from tests.builders import DAY

pytestmark = pytest.mark.anyio


async def events_of(ledger: Ledger, day: str = DAY) -> list[bytes]:
    return [event async for block in ledger.blocks(day) for event in block.splitlines()]


async def names(container: Container, prefix: str = "") -> list[str]:
    found = container.blobs.get_container_client("ledger").list_blob_names(name_starts_with=prefix)
    return [name async for name in found]


@pytest.fixture
def service(stack: Stack, container: Container) -> Container:
    clear_blobs(stack.site)
    return container


async def test_what_is_appended_is_read_in_order(ledger: Ledger) -> None:
    await ledger.append(DAY, [b'{"n":1}', '{"n":"ü"}'.encode()])
    await ledger.append(DAY, [b'{"n":3}'])

    assert await events_of(ledger) == [b'{"n":1}', '{"n":"ü"}'.encode(), b'{"n":3}']


async def test_a_day_without_events_is_empty(ledger: Ledger) -> None:
    assert await events_of(ledger) == []
    assert await ledger.days() == []


async def test_days_are_listed_in_order_and_marks_are_none(ledger: Ledger) -> None:
    for day in ("2026-03-20", "2025-12-31", "2026-03-19"):
        await ledger.append(day, [day.encode()])
    await ledger.mark("2024-01-01")

    assert await ledger.days() == ["2025-12-31", "2026-03-19", "2026-03-20"]
    assert await events_of(ledger, "2026-03-19") == [b"2026-03-19"]


async def test_a_mark_is_forgotten_with_its_own_token_only(ledger: Ledger) -> None:
    await ledger.mark(DAY)
    first = (await ledger.marks())[DAY]
    await ledger.mark(DAY)
    second = (await ledger.marks())[DAY]

    await ledger.unmark(DAY, first)
    kept = await ledger.marks()
    await ledger.unmark(DAY, second)
    await ledger.unmark(DAY, second)

    assert kept == {DAY: second}
    assert await ledger.marks() == {}


async def test_a_batch_beyond_one_frame_is_kept_whole(ledger: Ledger) -> None:
    batch = [os.urandom(20_000).hex().encode() for _ in range(125)]  # 5 MB that hardly compress

    await ledger.append(DAY, batch)

    assert await events_of(ledger) == batch


async def test_events_of_one_mebibyte_are_kept(ledger: Ledger) -> None:
    batch = [os.urandom(2**19).hex().encode() for _ in range(3)]

    await ledger.append(DAY, batch)

    assert await events_of(ledger) == batch


async def test_concurrent_appends_lose_nothing(ledger: Ledger) -> None:
    batches = [[f"{writer}-{number}".encode() for number in range(5)] for writer in range(30)]

    await asyncio.gather(*(ledger.append(DAY, batch) for batch in batches))

    assert Counter(await events_of(ledger)) == Counter(event for batch in batches for event in batch)


@pytest.mark.servers
async def test_processes_write_side_by_side(service: Container) -> None:
    writers = [BlobLedger(service.blobs, "ledger") for _ in range(4)]

    await asyncio.gather(*(writer.append(DAY, [f"{n}".encode()]) for n, writer in enumerate(writers * 5)))

    assert sorted(await events_of(writers[0])) == sorted(f"{n}".encode() for n in range(20))
    assert len(await names(service, DAY)) == 4


@pytest.mark.servers
@pytest.mark.parametrize("at_once", [1, 12])
async def test_a_blob_that_is_full_is_followed_by_another(service: Container, at_once: int) -> None:
    ledger = BlobLedger(service.blobs, "ledger", max_blocks=2)

    for start in range(0, 12, at_once):
        await asyncio.gather(*(ledger.append(DAY, [f"{n}".encode()]) for n in range(start, start + at_once)))

    assert sorted(await events_of(ledger)) == sorted(f"{n}".encode() for n in range(12))
    if at_once == 1:
        assert len(await names(service, DAY)) == 6


@pytest.mark.servers
async def test_a_reader_beside_a_writer_sees_whole_events_and_all_that_was_there(service: Container) -> None:
    ledger = BlobLedger(service.blobs, "ledger", max_blocks=10)
    event = b"x" * 5_000
    await ledger.append(DAY, [event] * 100)
    done = asyncio.Event()

    async def write() -> int:
        written = 0
        while not done.is_set():
            await ledger.append(DAY, [event] * 10)
            written += 10
        return written

    writing = asyncio.create_task(write())
    seen = [await events_of(ledger) for _ in range(8)]
    done.set()
    written = await writing

    assert all(set(events) == {event} for events in seen)
    assert 100 <= len(seen[0]) <= len(seen[-1]) <= 100 + written
    assert len(await events_of(ledger)) == 100 + written


@pytest.mark.servers
async def test_a_blob_deleted_meanwhile_is_followed_by_another(service: Container) -> None:
    ledger = BlobLedger(service.blobs, "ledger")
    await ledger.append(DAY, [b"gone"])
    for name in await names(service, DAY):
        await service.blobs.get_container_client("ledger").delete_blob(name)

    await ledger.append(DAY, [b"kept"])
    await ledger.append(DAY, [b"kept too"])

    assert await events_of(ledger) == [b"kept", b"kept too"]


@pytest.mark.servers
async def test_a_blob_deleted_while_it_is_read_is_an_error_and_no_short_day(service: Container) -> None:
    for text in (b"one", b"two"):
        await BlobLedger(service.blobs, "ledger").append(DAY, [text])
    blocks = BlobLedger(service.blobs, "ledger").blocks(DAY)
    await anext(blocks)
    for name in await names(service, DAY):
        await service.blobs.get_container_client("ledger").delete_blob(name)

    with pytest.raises(StoreUnavailable, match=f"reading the ledger of {DAY}"):
        await anext(blocks)


@pytest.mark.servers
async def test_more_days_than_are_kept_open_lose_nothing(service: Container) -> None:
    ledger = BlobLedger(service.blobs, "ledger")
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 4) for day in range(1, 25)]

    for day in days:
        await ledger.append(day, [day.encode()])
    await ledger.append(days[0], [b"again"])

    assert await ledger.days() == days
    assert sorted(await events_of(ledger, days[0])) == sorted([days[0].encode(), b"again"])
