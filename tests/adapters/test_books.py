"""The books are written behind fences: no run replaces what a later reader wrote."""

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.bootstrap import Container
from chargeback.domain.errors import RecordsRefused, StoreUnavailable, Superseded
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord, from_document
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.books import HOURS, Books, Posting
from chargeback.services.ports.control import Control
from stack.clear import clear_cosmos
from stack.example import EXAMPLE_CONFIG
from stack.provision import call
from stack.stack import Stack
from tests.support.builders import DAY
from tests.support.catalogues import usage_line
from tests.support.control_documents import put_document

pytestmark = pytest.mark.anyio

CATALOGUE = load_catalogue(EXAMPLE_CONFIG)
FROM = ("epoch", CATALOGUE.digest)


def record(number: int, quantity: int = 1, day: str = DAY) -> UsageRecord:
    return rate(day, usage_line(user=f"user-{number}"), {9: {Meter.INPUT: quantity}}, EffectiveCatalogues(CATALOGUE))


async def records_of(books: Books, day: str = DAY) -> dict[str, UsageRecord]:
    found = [record async for page in books.records(day) for record in page]
    assert len({each.record_id for each in found}) == len(found)
    lines = [line async for page in books.documents(day) for line in page.splitlines()]
    assert sorted(from_document(msgspec.json.decode(line)).record_id for line in lines) == sorted(
        each.record_id for each in found
    )
    return {each.record_id: each for each in found}


def by_id(*records: UsageRecord) -> dict[str, UsageRecord]:
    return {each.record_id: each for each in records}


async def test_a_day_never_written_is_empty(books: Books) -> None:
    assert await books.postings(DAY) == {}
    assert await records_of(books) == {}
    assert await books.summary(DAY) is None


async def test_records_are_set_and_set_again(books: Books) -> None:
    first = await books.write(DAY, 1, None, FROM, [record(1), record(2)])
    second = await books.write(DAY, 1, first, ("other", "digest"), [record(2, 5), record(3)])

    assert await records_of(books) == by_id(record(1), record(2, 5), record(3))
    assert await books.postings(DAY) == {1: second}
    assert (second.epoch, second.catalogue) == ("other", "digest")
    assert second.token != first.token


async def test_a_record_without_usage_stays_as_an_empty_one(books: Books) -> None:
    empty = rate(DAY, usage_line(), {}, EffectiveCatalogues(CATALOGUE))

    await books.write(DAY, 0, None, (None, "digest"), [empty])

    assert await records_of(books) == by_id(empty)
    assert (await books.postings(DAY))[0].epoch is None


async def test_a_fence_alone_can_be_written(books: Books) -> None:
    fence = await books.write(DAY, 2, None, FROM, [])

    assert await books.postings(DAY) == {2: fence}
    assert await records_of(books) == {}


async def test_days_and_shards_do_not_share_a_fence(books: Books) -> None:
    fences = {
        (day, shard): await books.write(day, shard, None, FROM, [record(shard, day=day)])
        for day in (DAY, "2026-03-21")
        for shard in (0, 1)
    }

    assert await books.postings(DAY) == {0: fences[DAY, 0], 1: fences[DAY, 1]}
    assert await books.postings_of([DAY, "2026-03-21", "2026-03-22"]) == {
        day: {shard: fences[day, shard] for shard in (0, 1)} for day in (DAY, "2026-03-21")
    }
    assert await books.postings_of(["2026-03-21"]) == {"2026-03-21": await books.postings("2026-03-21")}
    assert await books.postings_of([]) == {}
    assert await records_of(books, "2026-03-21") == by_id(*(record(shard, day="2026-03-21") for shard in (0, 1)))


async def test_a_run_that_read_before_another_wrote_writes_nothing(books: Books) -> None:
    first = await books.write(DAY, 0, None, FROM, [record(1)])
    await books.write(DAY, 0, first, FROM, [record(1, 2)])

    for stale in (first, None):
        with pytest.raises(Superseded):
            await books.write(DAY, 0, stale, FROM, [record(1, 99), record(7)])

    assert await records_of(books) == by_id(record(1, 2))


async def test_a_fence_that_is_gone_is_superseded_too(books: Books) -> None:
    elsewhere = await books.write("2026-03-21", 0, None, FROM, [])

    with pytest.raises(Superseded):
        await books.write(DAY, 0, elsewhere, FROM, [record(1)])

    assert await records_of(books) == {}


async def test_of_two_writers_at_once_one_is_superseded(books: Books) -> None:
    fence = await books.write(DAY, 0, None, FROM, [])

    outcomes = await asyncio.gather(
        *(books.write(DAY, 0, fence, FROM, [record(n, 7)]) for n in range(5)), return_exceptions=True
    )

    assert sum(isinstance(each, Superseded) for each in outcomes) == 4
    assert len(await records_of(books)) == 1


async def test_three_hundred_records_are_one_write(books: Books) -> None:
    records = [record(number) for number in range(300)]

    fence = await books.write(DAY, 0, None, FROM, records)
    await books.write(DAY, 0, fence, FROM, records[:150])

    assert await records_of(books) == by_id(*records)


async def test_records_are_found_by_their_lines_and_counted(books: Books) -> None:
    await books.write(DAY, 1, None, FROM, [record(number) for number in range(5)])
    await books.write("2026-03-19", 1, None, FROM, [record(1, day="2026-03-19")])
    await books.put_summary(DAY, {"total": 1}, None)
    wanted = [record(number) for number in (1, 3, 77)]

    found = await books.records_of(DAY, [each.record_id for each in wanted])

    assert by_id(*found) == by_id(*wanted[:2])
    assert await books.records_of(DAY, []) == ()
    assert (await books.count_records(DAY), await books.count_records("2026-03-18")) == (5, 0)


async def test_a_summary_replaces_only_the_one_that_was_read(books: Books) -> None:
    await books.put_summary(DAY, {"total": 1}, None)
    first = await books.summary(DAY)
    assert first is not None
    await books.put_summary(DAY, {"total": 2}, first[1])

    for stale in (None, first[1]):
        with pytest.raises(Superseded):
            await books.put_summary(DAY, {"total": 3}, stale)

    second = await books.summary(DAY)
    assert second is not None
    assert second[0] == {"total": 2}
    assert await records_of(books) == {}


async def test_the_documents_of_a_day_do_not_replace_each_other(books: Books) -> None:
    await books.put_summary(DAY, {"total": 1}, None)
    await books.put_summary(DAY, {"hours": 2}, None, HOURS)
    sums, hours = await books.summary(DAY), await books.summary(DAY, HOURS)
    assert sums is not None
    assert hours is not None

    await books.put_summary(DAY, {"hours": 3}, hours[1], HOURS)
    with pytest.raises(Superseded):
        await books.put_summary(DAY, {"hours": 4}, sums[1], HOURS)

    assert await books.summary(DAY) == sums
    latest = await books.summary(DAY, HOURS)
    assert latest is not None
    assert (sums[0], latest[0]) == ({"total": 1}, {"hours": 3})


async def test_control_documents_are_set_by_kind_and_name(control: Control) -> None:
    assert await control.get("audit", DAY) is None
    for name in ("2026-03-21", DAY):
        await put_document(control, "audit", name, {"day": name, "n": 1})
    await put_document(control, "catalogue", DAY, {"n": 3})
    await put_document(control, "audit", DAY, {"day": DAY, "n": 2, "nested": {"list": [1, "ü"]}})

    assert await control.get("audit", DAY) == {"day": DAY, "n": 2, "nested": {"list": [1, "ü"]}}
    assert [each["day"] for each in await control.all("audit")] == [DAY, "2026-03-21"]
    assert await control.all("nothing") == []


async def test_a_control_document_is_swapped_only_for_the_one_that_was_read(control: Control) -> None:
    assert await control.get_versioned("draft", "2026-03") is None
    first = await control.swap("draft", "2026-03", {"state": "closing"}, None)
    second = await control.swap("draft", "2026-03", {"state": "closed"}, first)

    for stale in (None, first, "never"):
        with pytest.raises(Superseded, match="draft/2026-03 was written by another run"):
            await control.swap("draft", "2026-03", {"state": "open"}, stale)

    assert first != second
    assert await control.get_versioned("draft", "2026-03") == ({"state": "closed"}, second)
    assert await control.get("draft", "2026-03") == {"state": "closed"}


async def test_a_document_that_is_known_comes_again_only_once_it_is_another_one(control: Control) -> None:
    first = await control.swap("draft", "2026-03", {"state": "open"}, None)
    known = await control.get_versioned("draft", "2026-03")

    assert known == ({"state": "open"}, first)
    assert await control.get_versioned("draft", "2026-03", known) is known
    second = await control.swap("draft", "2026-03", {"state": "closed"}, first)
    assert await control.get_versioned("draft", "2026-03", known) == ({"state": "closed"}, second)
    assert await control.get_versioned("draft", "2026-04", known) is None


async def test_the_names_of_a_kind_come_in_order(control: Control) -> None:
    for kind, name in (("audit", "b"), ("audit", "a"), ("draft", "c")):
        await control.swap(kind, name, {"n": 1}, None)

    assert await control.names("audit") == ["a", "b"]
    assert await control.names("nothing") == []


@pytest.mark.parametrize("name", [".", "..", "a b", "a#b", "a?b", "%2e%2e", "é" * 200])
async def test_a_name_that_a_url_reads_in_another_way_is_that_of_no_document(control: Control, name: str) -> None:
    await control.swap("draft", "2026-03", {"state": "open"}, None)

    assert await control.get("draft", name) is None


async def test_of_many_swaps_at_once_one_wins(control: Control) -> None:
    token = await control.swap("draft", "2026-03", {"n": -1}, None)

    outcomes = await asyncio.gather(
        *(control.swap("draft", "2026-03", {"n": n}, token) for n in range(5)), return_exceptions=True
    )

    (won,) = [n for n, each in enumerate(outcomes) if isinstance(each, str)]
    assert sum(isinstance(each, Superseded) for each in outcomes) == 4
    assert await control.get_versioned("draft", "2026-03") == ({"n": won}, outcomes[won])


# What only Cosmos can show


@pytest.fixture
def cosmos(stack: Stack) -> Stack:
    clear_cosmos(stack.site)
    return stack


def inject(stack: Stack, **fault: Any) -> None:
    call(stack.site, "POST", f"{stack.url('cosmos')}/_faults", body=fault)


@pytest.mark.servers
@pytest.mark.parametrize("status", [429, 449])
async def test_a_store_that_asks_to_wait_is_asked_again(cosmos: Stack, container: Container, status: int) -> None:
    fence = await container.books.write(DAY, 0, None, FROM, [record(1)])
    inject(cosmos, status=status, retryAfterMs=10, count=3, on="write")

    await container.books.write(DAY, 0, fence, FROM, [record(number) for number in range(150)])

    assert len(await records_of(container.books)) == 150
    assert call(cosmos.site, "GET", f"{cosmos.url('cosmos')}/_faults") == b"[]"


@pytest.mark.servers
async def test_a_write_whose_answer_is_lost_is_in_the_books_or_written_again(
    cosmos: Stack, container: Container
) -> None:
    fence = await container.books.write(DAY, 0, None, FROM, [record(1)])
    inject(cosmos, afterCommit=True, on="write")

    try:
        await container.books.write(DAY, 0, fence, FROM, [record(1, 2), record(2)])
    except (Superseded, StoreUnavailable):
        latest = (await container.books.postings(DAY)).get(0)
        await container.books.write(DAY, 0, latest, FROM, [record(1, 2), record(2)])

    assert await records_of(container.books) == by_id(record(1, 2), record(2))


@pytest.mark.servers
async def test_a_first_write_whose_answer_is_lost_is_in_the_books_or_written_again(
    cosmos: Stack, container: Container
) -> None:
    inject(cosmos, afterCommit=True, on="write")

    try:
        await container.books.write(DAY, 0, None, FROM, [record(1)])
    except (Superseded, StoreUnavailable):
        latest = (await container.books.postings(DAY)).get(0)
        await container.books.write(DAY, 0, latest, FROM, [record(1)])

    assert await records_of(container.books) == by_id(record(1))


@pytest.mark.servers
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_swap_whose_answer_is_lost_tells_so_and_happened_once(
    cosmos: Stack, container: Container, *, is_first: bool
) -> None:
    token = None if is_first else await container.control.swap("draft", "2026-03", {"n": 1}, None)
    inject(cosmos, afterCommit=True, on="write")

    with contextlib.suppress(Superseded, StoreUnavailable):
        await container.control.swap("draft", "2026-03", {"n": 2}, token)

    assert await container.control.get("draft", "2026-03") == {"n": 2}


@pytest.mark.servers
async def test_a_refusal_that_no_wait_cures_is_the_store_s(cosmos: Stack, container: Container) -> None:
    inject(cosmos, status=401, on="write", count=5)

    with pytest.raises(StoreUnavailable, match=f"posting {DAY}"):
        await container.books.write(DAY, 0, None, FROM, [record(1)])


def large(number: int, characters: int, letter: str = "é") -> UsageRecord:
    line = usage_line(user=f"user-{number}")._replace(company=letter * characters)
    return rate(DAY, line, {9: {Meter.INPUT: 1}}, EffectiveCatalogues(CATALOGUE))


async def test_a_record_that_no_store_takes_is_named_and_all_others_are_written(books: Books) -> None:
    first = await books.write(DAY, 0, None, FROM, [record(1)])
    too_large = large(2, 1_100_000)

    with pytest.raises(RecordsRefused) as told:
        await books.write(DAY, 0, first, FROM, [record(3), too_large, record(4)])
    await books.write(DAY, 0, Posting(*FROM, told.value.token), FROM, [record(5)])

    assert list(told.value.refused) == [too_large.record_id]
    assert "too large" in told.value.refused[too_large.record_id]
    assert await records_of(books) == by_id(record(1), record(3), record(4), record(5))


async def test_a_shard_whose_every_record_is_too_large_still_gets_its_fence(books: Books) -> None:
    with pytest.raises(RecordsRefused) as told:
        await books.write(DAY, 0, None, FROM, [large(1, 1_100_000)])

    assert (await books.postings(DAY))[0] == Posting(*FROM, told.value.token)


async def test_texts_that_are_not_ascii_count_as_they_go_over_the_wire(books: Books) -> None:
    """Escaped, each of these letters took six bytes instead of two, and the batch was three times as large."""
    records = [large(number, 30_000) for number in range(60)]

    await books.write(DAY, 0, None, FROM, records)
    await books.put_summary(DAY, {"name": "é" * 900_000}, None)

    assert len(await records_of(books)) == 60
