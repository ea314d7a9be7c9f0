"""Quarantine, dead letters and reports: what is set aside is kept once, what is published appears whole, and what
is closed stays."""

import asyncio
import os

import msgspec
import pytest

from chargeback.bootstrap import Container
from chargeback.domain.errors import PeriodClosed
from chargeback.services.ports.ledger import DeadLetters, Quarantine, Rejected
from chargeback.services.ports.reports import Reports
from stack.stack import Stack
from tests.support.builders import DAY

pytestmark = pytest.mark.anyio

BAD = Rejected("not-json", "it is 'no' JSON\n", b"\xff\x00\n{")
WORSE = Rejected("bad-time", "ü", b"{}")


async def test_what_is_quarantined_comes_back_byte_by_byte(quarantine: Quarantine) -> None:
    await quarantine.put([BAD, WORSE], DAY)

    (batch,) = await quarantine.batches()
    assert batch.startswith(f"{DAY}/")
    assert await quarantine.get(batch) == [BAD, WORSE]


async def test_the_same_batch_again_adds_nothing(quarantine: Quarantine) -> None:
    for _ in range(3):
        await quarantine.put([BAD, WORSE], DAY)

    assert len(await quarantine.batches()) == 1


async def test_batches_whose_joined_bytes_are_equal_are_different(quarantine: Quarantine) -> None:
    for raws in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"]):
        await quarantine.put([Rejected("r", "d", raw) for raw in raws], DAY)

    kept = [[each.raw for each in await quarantine.get(batch)] for batch in await quarantine.batches()]
    assert sorted(kept) == [[b"a", b"bc"], [b"ab", b"c"], [b"abc"]]


async def test_a_removed_batch_is_gone_and_the_others_stay(quarantine: Quarantine) -> None:
    await quarantine.put([BAD], "2026-03-21")
    await quarantine.put([WORSE], DAY)

    first, second = await quarantine.batches()
    await quarantine.remove(first)

    assert first < second
    assert await quarantine.batches() == [second]


async def test_a_batch_that_another_run_has_taken_is_empty_and_gone(
    quarantine: Quarantine, dead_letters: DeadLetters
) -> None:
    for waiting in (quarantine, dead_letters):
        assert await waiting.get("2026-03-21/taken.ndjson") == []
        await waiting.remove("2026-03-21/taken.ndjson")


async def put_dead_letter(letters: DeadLetters, name: str, body: bytes) -> None:
    container = getattr(letters, "_container", None)
    if container is None:
        letters.blobs[name] = body  # type: ignore[attr-defined]
    else:
        await container.upload_blob(name, body)


async def test_a_dead_letter_holds_the_events_that_event_grid_gave_up_on(dead_letters: DeadLetters) -> None:
    events = [{"id": "a", "deadLetterReason": "MaxDeliveryAttemptsExceeded"}, {"id": "b"}]
    await put_dead_letter(dead_letters, "topic/sub/2026/3/20/9/x.json", msgspec.json.encode(events))

    (batch,) = await dead_letters.batches()
    raws = await dead_letters.get(batch)
    await dead_letters.remove(batch)

    assert [msgspec.json.decode(raw) for raw in raws] == events
    assert await dead_letters.batches() == []


async def test_a_damaged_dead_letter_is_one_event(dead_letters: DeadLetters) -> None:
    await put_dead_letter(dead_letters, "damaged.json", b'[{"id": ')

    assert await dead_letters.get("damaged.json") == [b'[{"id": ']


async def content(reports: Reports, path: str) -> bytes:
    return b"".join([piece async for piece in reports.read(path)])


async def write(reports: Reports, path: str, *pieces: bytes) -> None:
    async with reports.create(path, "text/csv") as file:
        for piece in pieces:
            await file.write(piece)


async def test_a_report_is_read_as_it_was_written(reports: Reports) -> None:
    await write(reports, "2026-03/a.csv", b"one,", b"two\r\n", b"")
    await write(reports, "2026-03/empty.csv")
    await write(reports, "2026-04/b.csv", b"x")

    assert await content(reports, "2026-03/a.csv") == b"one,two\r\n"
    assert await content(reports, "2026-03/empty.csv") == b""
    assert await reports.paths("2026-03/") == ["2026-03/a.csv", "2026-03/empty.csv"]


async def break_off(reports: Reports, path: str, piece: bytes) -> None:
    async with reports.create(path, "text/csv") as file:
        await file.write(piece)
        raise ZeroDivisionError


async def test_an_exception_while_writing_leaves_the_older_file_alone(reports: Reports) -> None:
    await write(reports, "2026-03/a.csv", b"older")

    for path, piece in (("2026-03/a.csv", os.urandom(5 * 1024 * 1024)), ("2026-03/never.csv", b"x")):
        with pytest.raises(ZeroDivisionError):
            await break_off(reports, path, piece)

    assert await content(reports, "2026-03/a.csv") == b"older"
    assert await reports.paths("2026-03/") == ["2026-03/a.csv"]


async def test_a_file_is_not_seen_before_it_is_complete(reports: Reports) -> None:
    async with reports.create("2026-03/a.csv", "text/csv") as file:
        await file.write(os.urandom(5 * 1024 * 1024))
        before = await reports.paths("2026-03/")

    assert before == []
    assert await reports.paths("2026-03/") == ["2026-03/a.csv"]


async def test_twenty_megabytes_are_written_in_pieces_and_replaced_by_less(reports: Reports) -> None:
    pieces = [os.urandom(700_001) for _ in range(30)]

    await write(reports, "2026-03/large.csv", *pieces)
    large = await content(reports, "2026-03/large.csv")
    await write(reports, "2026-03/large.csv", b"small")

    assert large == b"".join(pieces)
    assert await content(reports, "2026-03/large.csv") == b"small"


async def test_a_removed_report_is_gone_and_can_be_removed_again(reports: Reports) -> None:
    await write(reports, "2026-03/a.csv", b"x")
    await write(reports, "2026-03/b.csv", b"x")

    for _ in range(2):
        await reports.remove("2026-03/a.csv")

    assert await reports.paths("2026-03/") == ["2026-03/b.csv"]


async def close_file(reports: Reports, path: str, *pieces: bytes) -> None:
    async with reports.create(path, "text/csv", only_if_absent=True) as file:
        for piece in pieces:
            await file.write(piece)


LARGE = os.urandom(5 * 1024 * 1024)


@pytest.mark.parametrize("kept", [b"", b"figures", LARGE], ids=["empty", "small", "large"])
async def test_a_closed_file_is_written_once_and_the_same_again_changes_nothing(
    closed_reports: Reports, kept: bytes
) -> None:
    for _ in range(2):
        await close_file(closed_reports, "2026-03/a.csv", kept)

    assert await content(closed_reports, "2026-03/a.csv") == kept


@pytest.mark.parametrize("other", [b"", b"figurez", LARGE], ids=["empty", "small", "large"])
async def test_a_closed_file_is_not_replaced_by_other_bytes(closed_reports: Reports, other: bytes) -> None:
    await close_file(closed_reports, "2026-03/a.csv", b"figures")

    with pytest.raises(PeriodClosed, match=r"2026-03/a\.csv is closed and holds other bytes"):
        await close_file(closed_reports, "2026-03/a.csv", other)

    assert await content(closed_reports, "2026-03/a.csv") == b"figures"


async def test_of_many_that_close_a_file_at_once_one_wins(closed_reports: Reports) -> None:
    outcomes = await asyncio.gather(
        *(close_file(closed_reports, "2026-03/a.csv", b"%d" % n) for n in range(5)), return_exceptions=True
    )

    assert sum(isinstance(each, PeriodClosed) for each in outcomes) == 4
    assert await content(closed_reports, "2026-03/a.csv") == b"%d" % outcomes.index(None)


async def test_runs_that_write_a_report_at_once_do_not_mix_their_bytes(reports: Reports) -> None:
    contents = [bytes([n]) * 5 * 1024 * 1024 for n in range(3)]

    await asyncio.gather(*(write(reports, "2026-03/a.csv", each) for each in contents), return_exceptions=True)

    assert await content(reports, "2026-03/a.csv") in contents


@pytest.mark.servers
async def test_a_report_carries_its_content_type(clean_stores: Stack, container: Container) -> None:
    await write(container.reports, "a.csv", b"x")

    properties = await container.blobs.get_blob_client("reports", "a.csv").get_blob_properties()

    assert properties.content_settings.content_type == "text/csv"
