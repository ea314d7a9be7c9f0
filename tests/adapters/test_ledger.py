"""The ledger keeps every event that it acknowledged, whoever writes, reads or deletes at the same time."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import zstandard

from chargeback.adapters.azure.ledger import BlobLedger
from chargeback.adapters.azure.ledger_frames import MAX_BLOCK_BYTES, FrameReader, frames_of, head
from chargeback.bootstrap import Container
from chargeback.domain.errors import StoreUnavailable, Superseded
from chargeback.services.ports.ledger import Ledger, LedgerBlock
from stack.clear import clear_blobs
from stack.stack import Stack
from tests.support.builders import DAY

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


async def test_a_note_is_stored_with_the_marks_and_is_not_one_of_them(ledger: Ledger) -> None:
    nothing = await ledger.latest_note()
    first = await ledger.note("one", None)
    second = await ledger.note("another", first)

    assert (nothing, await ledger.latest_note(), await ledger.marks()) == (("", None), ("another", second), {})


async def test_a_note_replaces_only_the_one_that_was_read(ledger: Ledger) -> None:
    first = await ledger.note("one", None)
    second = await ledger.note("another", first)

    for after in (None, first):
        with pytest.raises(Superseded):
            await ledger.note("late", after)

    assert await ledger.latest_note() == ("another", second)


async def test_days_are_listed_in_order_and_marks_are_not_days(ledger: Ledger) -> None:
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
async def test_a_reader_at_the_same_time_as_a_writer_sees_whole_events_and_all_that_was_there(
    service: Container,
) -> None:
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


# The frames: who wrote when, and what is missing


async def blocks_of(blob: bytes, chunk: int = 1 << 20) -> list[LedgerBlock]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(blob), chunk):
            yield blob[start : start + chunk]

    return [block async for block in FrameReader().read(chunks())]


def frame(*events: bytes) -> bytes:
    return b"".join(frames_of(events))


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
async def test_frames_of_both_formats_are_read_in_a_row_with_their_times(chunk: int) -> None:
    blob = frame(b"old") + head(5, 1) + frame(b"new", b"too") + frame(b"old again") + head(9, 3) + frame(b"last")

    blocks = await blocks_of(blob, chunk)

    assert [(block.text, block.written) for block in blocks] == [
        (b"old\n", 0),
        (b"new\ntoo\n", 5),
        (b"old again\n", 0),
        (b"last\n", 9),
    ]
    assert not any(block.missing for block in blocks)


async def test_an_older_version_reads_the_new_frames() -> None:
    blob = head(5, 0) + frame(b"one") + head(6, 1) + frame(b"two")

    text = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(blob)

    assert text == b"one\ntwo\n"


async def test_what_was_acknowledged_before_and_is_gone_is_missing() -> None:
    blocks = await blocks_of(head(7, 3) + frame(b"after the loss") + head(8, 4) + frame(b"more"))

    assert sum(block.missing for block in blocks) == 3


async def test_a_frame_that_unpacks_to_hundreds_of_megabytes_is_read_in_small_blocks() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress((b"x" * 999 + b"\n") * 300_000)

    blocks = await blocks_of(bomb)

    assert len(bomb) < 100_000
    assert sum(len(block.text) for block in blocks) == 300_000_000
    assert max(len(block.text) for block in blocks) < MAX_BLOCK_BYTES + 40 * 1024 * 1024


@pytest.mark.servers
async def test_a_request_that_arrives_late_does_not_empty_the_ledger(service: Container) -> None:
    ledger = BlobLedger(service.blobs, "ledger")
    await ledger.append(DAY, [b"acknowledged"])
    (name,) = await names(service, DAY)
    blob = service.blobs.get_blob_client("ledger", name)
    late = BlobLedger(service.blobs, "ledger")
    late._writer, late._opened = ledger._writer, ledger._opened - 1

    await late.append(DAY, [b"by the repetition"])

    assert await events_of(ledger) == [b"acknowledged", b"by the repetition"]
    assert (await blob.get_blob_properties()).size > 0


@pytest.mark.servers
async def test_blocks_tell_when_they_were_written_and_an_emptied_blob_is_noticed(service: Container) -> None:
    clock = iter(range(1_000_000, 9_000_000, 1_000_000))
    ledger = BlobLedger(service.blobs, "ledger", clock=lambda: next(clock))
    await ledger.append(DAY, [b"one"])
    await ledger.append(DAY, [b"two"])
    before = [block async for block in ledger.stamped_blocks(DAY)]
    extent = await ledger.extent(DAY)
    (name,) = await names(service, DAY)
    await service.blobs.get_blob_client("ledger", name).create_append_blob()

    await ledger.append(DAY, [b"three"])

    after = [block async for block in ledger.stamped_blocks(DAY)]
    assert before == [(b"one\n", 1_000, 0), (b"two\n", 2_000, 0)]
    assert after == [(b"three\n", 3_000, 0), (b"", 0, 2)]
    assert list(extent) == [name]
    assert (await ledger.extent(DAY))[name] < extent[name]


@pytest.mark.servers
async def test_marks_of_an_older_version_are_read_and_forgotten_without_touching_the_ledger(service: Container) -> None:
    ledger = BlobLedger(service.blobs, "ledger")
    container = service.blobs.get_container_client("ledger")
    await container.upload_blob(f"marks/{DAY}", b"", overwrite=True)

    first = await ledger.marks()
    await ledger.unmark(DAY, first[DAY])
    forgotten = await ledger.marks()
    await container.upload_blob(f"marks/{DAY}", b"", overwrite=True)  # an older instance marks it again
    again = await ledger.marks()
    await ledger.mark(DAY)
    both = await ledger.marks()
    await ledger.unmark(DAY, both[DAY])

    assert list(first) == list(again) == list(both) == [DAY]
    assert forgotten == {}
    assert first[DAY] != again[DAY] != both[DAY]
    assert await names(service) == [f"marks/{DAY}"]
    assert await ledger.marks() == again
