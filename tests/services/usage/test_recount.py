"""A recount of the ledger counts each call once, whatever the ledger holds of it and in whatever order."""

import random
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.stores import MemoryLedger
from chargeback.domain.events.usage_event import AcceptedTimes, read_event
from chargeback.domain.usage.lines import line_id
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.counter import CountedLine, EstimatedEvent
from chargeback.services.ports.ledger import LedgerBlock
from chargeback.services.usage import recount as recounting
from chargeback.services.usage.list_conflicts import list_conflicts
from chargeback.services.usage.recount import recount
from tests.support.accounts import accounts, said_of_calls, totals
from tests.support.recounted_days import DAY, Lines, recounted, usage_event

pytestmark = pytest.mark.anyio


ANY_TIME = AcceptedTimes("0001-01-01", ("9999-12-31", 23))


def oracle(events: Sequence[bytes]) -> Lines:
    """Every call once, under the line of its first phase with what its last one used."""
    lines: Lines = {}
    for (line, hour), quantities in totals(accounts(read_event(raw, ANY_TIME) for raw in events)).items():
        lines.setdefault(line_id(line), {})[hour] = quantities
    return lines


async def test_a_call_in_the_ledger_twice_is_counted_once() -> None:
    event = usage_event()

    day, lines = await recounted([event, event, usage_event("call-2")])

    assert (day.events, day.calls, day.duplicates, day.conflicts) == (3, 2, 1, 0)
    assert list(lines.values()) == [{9: {Meter.INPUT: 20, Meter.OUTPUT: 4, Meter.REQUESTS: 2}}]


async def test_a_day_resent_whole_gives_the_same_lines() -> None:
    events = [usage_event(f"call-{n}", tokens=n, subscriptionId=f"team-{n % 7}") for n in range(50)]

    once, twice = await recounted(events), await recounted(events + events[::-1])

    assert once[1] == twice[1]
    assert (once[0].calls, twice[0].calls, twice[0].duplicates) == (50, 50, 50)


async def test_a_settled_call_takes_the_place_of_the_pending_one() -> None:
    events = [usage_event("call-1/settled", "settled", tokens=7), usage_event("call-1", "pending")]

    day, lines = await recounted(events)

    assert (day.calls, day.duplicates) == (1, 0)
    assert list(lines.values()) == [{9: {Meter.INPUT: 7, Meter.OUTPUT: 2, Meter.REQUESTS: 1}}]


async def test_polling_an_answer_costs_nothing_however_often() -> None:
    polls = [usage_event(f"get-{n}", "settled", method="GET", responseId="resp_1") for n in range(5)]
    post = usage_event("post", "pending", responseId="resp_1")

    alone, alone_lines = await recounted(polls)
    after, after_lines = await recounted([*polls, post])

    assert (alone.calls, alone_lines) == (0, {})
    assert after.calls == 1
    assert list(after_lines.values()) == [{9: {Meter.INPUT: 10, Meter.OUTPUT: 2, Meter.REQUESTS: 1}}]


async def test_an_event_that_says_something_else_the_second_time_is_a_conflict_and_does_not_count() -> None:
    day, lines = await recounted([usage_event(tokens=10), usage_event(tokens=11), usage_event(tokens=10)])

    assert (day.calls, day.duplicates, day.conflicts) == (1, 2, 1)
    assert list(lines.values()) == [{9: {Meter.INPUT: 10, Meter.OUTPUT: 2, Meter.REQUESTS: 1}}]


class StampedLedger(MemoryLedger):
    """A ledger whose blocks were written at given times by given writers."""

    def __init__(self, *blocks: tuple[bytes, int]) -> None:
        super().__init__()
        self.stamps = blocks
        self.missing = 0

    async def stamped_blocks(self, day: str, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:
        for text, written in self.stamps if day == DAY else ():
            yield LedgerBlock(text + b"\n", written)
        yield LedgerBlock(b"", 0, self.missing)


@pytest.mark.parametrize("workers", [0, 2])
async def test_what_was_written_first_counts_whoever_wrote_it(workers: int) -> None:
    true = [usage_event(f"call-{n}", tokens=100) for n in range(20)]
    forged = [usage_event(f"call-{n}", "rejected") for n in range(20)]
    ledger = StampedLedger(*((raw, 9_000) for raw in forged), *((raw, 5_000) for raw in true))

    async with recount(ledger, DAY, workers=workers) as day:
        lines = [line async for page in day.pages() for line in page]

    assert [line.hours[9][Meter.INPUT] for line in lines] == [2_000]
    assert (day.calls, day.duplicates, day.conflicts) == (20, 20, 20)


async def test_what_an_older_version_wrote_comes_first_and_at_one_time_the_writer_decides() -> None:
    ledger = StampedLedger((usage_event(tokens=1), 7), (usage_event(tokens=2), 0), (usage_event(tokens=3), 7))
    same = StampedLedger((usage_event(tokens=1), 7), (usage_event(tokens=3), 7))

    for kept, expected in ((ledger, 2), (same, 1)):
        async with recount(kept, DAY, workers=0) as day:
            (line,) = [line async for page in day.pages() for line in page]
        assert line.hours[9][Meter.INPUT] == expected


async def test_appends_that_are_missing_are_told() -> None:
    ledger = StampedLedger((usage_event(), 7))
    ledger.missing = 3

    async with recount(ledger, DAY, workers=0) as day:
        assert day.missing == 3


async def test_who_polls_a_response_pays_nothing_for_it_in_the_recount_either() -> None:
    created = usage_event("A", "pending", responseId="resp_1", username="ann", deployment="gpt-4o")
    polled = usage_event(
        "get", "settled", method="GET", responseId="resp_1", subscriptionId="support", time=f"{DAY}T11:00:00Z"
    )

    for workers in (0, 1):
        _, lines = await recounted([polled, created, polled], workers=workers)
        assert lines == oracle([created, polled])
        assert [list(hours) for hours in lines.values()] == [[9]]


async def test_events_that_cannot_be_read_are_counted_by_reason_and_stop_nothing() -> None:
    events = [
        b"{",
        b'{"specversion":"1.0"}',
        usage_event(tokens=-1),
        usage_event("elsewhere", time="2026-03-17T00:00:00Z"),
        usage_event("good"),
    ]

    day, lines = await recounted(events)

    assert (day.events, day.calls) == (5, 1)
    assert day.unreadable == {"not-json": 1, "unexpected-shape": 1, "absurd-quantity": 1, "other-day": 1}
    assert len(lines) == 1


async def test_cached_and_reasoning_tokens_stay_apart_from_the_rest() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 40},
    }

    _, lines = await recounted([usage_event(usage=usage)])

    (hours,) = lines.values()
    assert hours[9] == {
        Meter.INPUT: 10,
        Meter.CACHED_INPUT: 60,
        Meter.CACHE_WRITE: 30,
        Meter.OUTPUT: 10,
        Meter.REASONING: 40,
        Meter.REQUESTS: 1,
    }


async def test_an_hour_begins_with_its_first_microsecond() -> None:
    times = ("00:59:59.999999Z", "01:00:00Z", "23:59:59.9999999Z")

    _, lines = await recounted([usage_event(f"call-{at}", time=f"{DAY}T{at}") for at in times])

    (hours,) = lines.values()
    assert {hour: quantities[Meter.REQUESTS] for hour, quantities in hours.items()} == {0: 1, 1: 1, 23: 1}


async def test_a_day_without_events_has_no_lines() -> None:
    day, lines = await recounted([])

    assert (day.events, day.calls, lines) == (0, 0, {})


async def test_ten_thousand_lines_come_in_pages() -> None:
    ledger = MemoryLedger()
    await ledger.append(DAY, [usage_event(f"call-{n}", subscriptionId=f"team-{n}") for n in range(10_000)])

    async with recount(ledger, DAY, workers=0) as day:
        pages = [len(page) async for page in day.pages()]

    assert sum(pages) == 10_000
    assert max(pages) <= recounting.PAGE_LINES


async def test_worker_processes_count_as_this_process_does() -> None:
    events = [usage_event(f"call-{n % 900}", tokens=n % 900, subscriptionId=f"team-{n % 30}") for n in range(1000)]

    here, there = await recounted(events, workers=0), await recounted(events, workers=2)

    assert here[1] == there[1] == oracle(events)
    assert (here[0].calls, here[0].duplicates) == (there[0].calls, there[0].duplicates) == (900, 100)


@pytest.mark.parametrize("size", [1, 700, 5_000])
async def test_events_are_neither_lost_nor_cut_where_pieces_end(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [usage_event(f"call-{n}", username="x" * (n % 400)) for n in range(40)]
    monkeypatch.setattr(recounting, "PIECE_BYTES", size)

    day, lines = await recounted(events)

    assert (day.events, day.calls, day.unreadable) == (40, 40, {})
    assert lines == oracle(events)


@pytest.mark.parametrize("workers", [0, 2])
async def test_meters_that_appear_in_the_middle_of_a_day_are_counted_with_the_others(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recounting, "PIECE_BYTES", 4_000)
    monkeypatch.setattr(recounting, "_FILES_PER_LOAD", 2)
    kinds: list[dict[str, object]] = [
        {},
        {"usage": {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}},
        {"usage": {"prompt_tokens": 5, "completion_tokens": 8, "completion_tokens_details": {"reasoning_tokens": 6}}},
        {"operation": "images.generations", "usage": {}, "quantities": {"images": 2}},
        {"operation": "audio.transcriptions", "usage": {"seconds": 30}},
    ]
    # First all of one kind, for several pieces; then one more kind at a time, among those before.
    events = [usage_event(f"call-{n}", **kinds[n % (n // 40 + 1)]) for n in range(40 * len(kinds))]

    day, lines = await recounted(events, workers=workers)

    assert lines == oracle(events)
    found = {meter for hours in lines.values() for quantities in hours.values() for meter in quantities}
    assert {Meter.CACHED_INPUT, Meter.REASONING, Meter.IMAGES, Meter.AUDIO_SECONDS} < found
    assert set(day.meters) == found


async def test_nothing_stays_on_disk_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class TornLedger(MemoryLedger):
        async def stamped_blocks(self, day: str, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:
            yield LedgerBlock(usage_event() + b"\n", 0)
            raise ConnectionError("gone")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with pytest.raises(ConnectionError):
        async with recount(TornLedger(), DAY, workers=2):
            pass
    await recounted([usage_event()])

    assert list(tmp_path.iterdir()) == []


# Not st.randoms(): it draws inside the test, and its signals get lost in the event loop.
SHUFFLERS = st.integers(0, 2**32).map(random.Random)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["recorded", "pending", "settled", "rejected", "poll"]),
        st.integers(1, 4),
        st.integers(0, 23),
        st.integers(1, 5),
        st.sampled_from(["search", "sales"]),
    ).map(
        lambda drawn: usage_event(
            f"call-{drawn[1]}" + ("/settled" if drawn[0] == "settled" else ""),
            "settled" if drawn[0] == "poll" else drawn[0],
            time=f"{DAY}T{drawn[2]:02}:00:00Z",
            tokens=drawn[3],
            subscriptionId=drawn[4],
            **({"responseId": f"resp_{drawn[1]}"} if drawn[0] in ("pending", "poll") else {}),
            **({"method": "GET"} if drawn[0] == "poll" else {}),
        )
    ),
    max_size=30,
)


def counted(lines: Sequence[CountedLine]) -> Lines:
    return {line.line_id: {h: dict(q) for h, q in line.hours.items()} for line in lines if line.hours}


@settings(max_examples=30)
@given(st.one_of(EVENTS, said_of_calls(DAY).map(lambda said: [event.raw for event in said])))
async def test_the_ledger_counts_as_the_counter_does(events: list[bytes]) -> None:
    counter = MemoryCounter()
    await counter.count(DAY, [read_event(raw, ANY_TIME) for raw in events], lambda event: EstimatedEvent(event, (), 0))
    changed = await counter.changed_lines(DAY)

    _, lines = await recounted(events)

    assert changed is not None
    assert lines == oracle(events)
    assert lines == counted(await counter.lines(DAY, changed.epoch, list(changed.lines)))


@settings(max_examples=30)
@given(EVENTS, SHUFFLERS)
async def test_order_and_repetition_change_nothing_where_copies_agree(events: list[bytes], rng: random.Random) -> None:
    # One content for each call and phase, as a gateway sends it.
    first = {(event.call, event.phase): event.raw for event in (read_event(raw, ANY_TIME) for raw in events[::-1])}
    agreeing = list(first.values())
    mixed = agreeing + rng.choices(agreeing, k=len(agreeing)) if agreeing else []
    rng.shuffle(mixed)

    once, again = await recounted(agreeing), await recounted(mixed)

    assert once[1] == again[1]
    assert (once[0].calls, again[0].conflicts) == (again[0].calls, 0)


async def test_who_said_what_of_a_call_is_listed_in_the_ledger_s_order() -> None:
    ledger = StampedLedger(
        (usage_event("one", tokens=2), 9), (usage_event("one", tokens=1), 5), (usage_event("two"), 7)
    )

    found = await list_conflicts(ledger, DAY)

    assert [(each.id, each.written, each.source) for each in found] == [
        ("one", 5, "/apim/x/eastus2"),
        ("one", 9, "/apim/x/eastus2"),
    ]
    assert await list_conflicts(MemoryLedger(), DAY) == []
