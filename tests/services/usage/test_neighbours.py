"""One call is one bill, whatever day its events name: across midnight, and across the ways in."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.memory.stores import MemoryLedger
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import SomeFailed
from chargeback.domain.events.emitters import EVENT_GRID, Emitter
from chargeback.services.ports.ledger import LedgerBlock
from chargeback.services.running.set_aside import SetAside
from tests.e2e.traffic import catalogue_folder
from tests.support.builders import DAY, tokens, usage_event
from tests.support.examples import few
from tests.support.product_in_memory import ProductInMemory, in_memory

pytestmark = pytest.mark.anyio
NEXT = "2026-03-21"
MIDNIGHT = datetime(2026, 3, 21, 0, 1, tzinfo=UTC)
GATEWAY_CALL = {"gatewayEventId": "A", "gatewayEventSource": "/apim/gw/swedencentral"}
BESIDE = Emitter("beside", ("/beside",), ("search",), gateways=("/apim/gw/swedencentral",))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(catalogue_folder(tmp_path_factory.mktemp("config"), DAY))


@pytest.fixture
def of(catalogue: Catalogue) -> ProductInMemory:
    return in_memory(catalogue)


def call(time: str, **arguments: Any) -> bytes:
    return usage_event(**({"id": "A", "time": time, "model": "gpt-4o", "usage": tokens(1_000, 10)} | arguments))


LATE, EARLY = call(f"{DAY}T23:59:59Z"), call(f"{NEXT}T00:00:01Z")


async def requests(of: ProductInMemory, now: datetime) -> dict[str, int]:
    """What the books have, by day: posted, then audited, then posted again after Redis was lost."""
    seen = []
    for _ in range(2):
        await of.poster.post(now)
        await of.auditor.audit(now + timedelta(days=1))
        await of.poster.post(now)
        seen.append({day: of.charges(day).get(("exact", "requests"), 0) for day in (DAY, NEXT)})
        of.counter.days.clear()
    assert seen[0] == seen[1]
    return seen[0]


@pytest.mark.parametrize(
    "batches",
    [[[LATE], [EARLY]], [[LATE, EARLY]], [[EARLY, LATE]], [[LATE], [EARLY], [LATE, EARLY]]],
    ids=["in turn", "together", "together, the other way round", "again and again"],
)
async def test_an_attempt_after_midnight_is_the_call_of_the_day_before(
    of: ProductInMemory, batches: list[list[bytes]]
) -> None:
    accepted = [(await of.ingest.ingest(batch, MIDNIGHT)).accepted for batch in batches]

    assert sum(accepted) == 1
    assert await requests(of, MIDNIGHT) == {DAY: 1, NEXT: 0}


async def test_an_attempt_that_arrives_first_with_the_later_time_keeps_its_day(of: ProductInMemory) -> None:
    await of.ingest.ingest([EARLY], MIDNIGHT)
    again = await of.ingest.ingest([LATE], MIDNIGHT)

    assert (again.accepted, again.duplicate) == (0, 1)
    assert await requests(of, MIDNIGHT) == {DAY: 0, NEXT: 1}


async def test_days_that_are_closed_to_the_counter_leave_it_to_the_audit(of: ProductInMemory) -> None:
    later = MIDNIGHT + timedelta(days=30)
    await of.ingest.ingest([EARLY], later)
    await of.auditor.audit(later)
    await of.ingest.ingest([LATE], later)

    await of.auditor.audit(later)

    assert [of.charges(day).get(("exact", "requests"), 0) for day in (DAY, NEXT)] == [1, 0]


async def test_a_call_that_was_recovered_for_the_day_before_moves_to_its_own_event(of: ProductInMemory) -> None:
    later = MIDNIGHT + timedelta(days=30)
    recovered = call(f"{DAY}T23:59:59Z", id="A/settled", type="settled", usageSource="gateway-log-alone")
    await of.ingest.ingest([recovered], later)
    await of.auditor.audit(later)
    before = of.charges(DAY).get(("settled", "requests"), 0)

    await of.ingest.ingest([EARLY], later)
    await of.auditor.audit(later)

    assert before == 1
    assert of.charges(DAY) == {}
    assert of.charges(NEXT).get(("exact", "requests"), 0) == 1


DAY_IS_CLOSED = datetime(2026, 3, 24, 2, 30, tzinfo=UTC)
"""The first night on which the day is no longer open; the next one still is."""


@pytest.mark.parametrize(
    ("known", "emitter"),
    [
        (call(f"{DAY}T23:59:59Z", id="own-id", source="/beside", gatewayEventId="A"), BESIDE),
        (call(f"{DAY}T23:59:59Z", id="A/settled", type="settled", usageSource="gateway-log-alone"), EVENT_GRID),
    ],
    ids=["beside", "log alone"],
)
async def test_an_own_event_after_the_final_audit_of_the_day_before_takes_the_call_over(
    of: ProductInMemory, known: bytes, emitter: Emitter
) -> None:
    await of.ingest.ingest([known], MIDNIGHT, emitter=emitter)
    await of.poster.post(MIDNIGHT)
    await of.auditor.audit(DAY_IS_CLOSED)
    before = sum(quantity for (_, meter), quantity in of.charges(DAY).items() if meter == "requests")

    await of.ingest.ingest([EARLY], DAY_IS_CLOSED, emitter=EVENT_GRID)
    await of.poster.post(DAY_IS_CLOSED)
    await of.auditor.audit(DAY_IS_CLOSED + timedelta(days=1))

    assert before == 1
    assert (of.charges(DAY), of.charges(NEXT)["exact", "requests"]) == ({}, 1)


@pytest.mark.parametrize(
    ("event", "marked"),
    [
        (EARLY, [DAY]),
        (call(f"{NEXT}T06:00:00Z"), []),
        (call(f"{NEXT}T00:00:01Z", id="A/settled", type="settled", usageSource="gateway-log-alone"), []),
        (call("2026-03-22T00:00:01Z"), []),
    ],
    ids=["early", "later", "of the log alone", "of a day after an open one"],
)
async def test_a_day_is_marked_where_the_next_one_may_take_a_call_from_it_alone(
    of: ProductInMemory, event: bytes, marked: list[str]
) -> None:
    await of.ledger.append(DAY, [call(f"{DAY}T10:00:00Z", id="B")])

    await of.ingest.ingest([event], DAY_IS_CLOSED)

    assert list(await of.ledger.marks()) == marked


@pytest.mark.parametrize("order", [0, 1, 2, 3])
async def test_the_trigger_the_batch_door_and_another_emitter_tell_of_one_call(of: ProductInMemory, order: int) -> None:
    time = f"{DAY}T10:00:00Z"
    beside = call(time, id="own-id", source="/beside", usage=tokens(5, 5), gatewayEventId="A")
    ways = [([call(time)], EVENT_GRID), ([call(time), call(time)], EVENT_GRID), ([beside], BESIDE)]

    for events, emitter in ways[order:] + ways[:order]:
        await of.ingest.ingest(events, MIDNIGHT, emitter=emitter)

    assert await requests(of, MIDNIGHT) == {DAY: 1, NEXT: 0}
    assert of.charges(DAY)["exact", "input_tokens"] == 1_000


async def test_a_response_that_is_fetched_twice_and_described_by_another_emitter_is_billed_once_after_a_flush(
    of: ProductInMemory,
) -> None:
    response = {"time": f"{DAY}T10:00:00Z", "operation": "responses", "responseId": "r"}
    created = call(**response, id="p", type="pending")
    fetched = [call(**response, id=f"get-{n}", type="settled", method="GET") for n in range(2)]
    beside = call(f"{DAY}T10:00:00Z", id="own-id", source="/beside", gatewayEventId="get-1")
    for each in (created, *fetched):
        await of.ingest.ingest([each], MIDNIGHT, emitter=EVENT_GRID)
    await of.poster.post(MIDNIGHT)
    of.counter.days.clear()
    await of.poster.post(MIDNIGHT)

    await of.ingest.ingest([beside], MIDNIGHT, emitter=BESIDE)
    seen = []
    for _ in range(2):
        await of.poster.post(MIDNIGHT)
        seen.append(of.charges(DAY)["exact", "requests"])
        of.counter.days.clear()
        await of.poster.post(MIDNIGHT)
        seen.append(of.charges(DAY)["exact", "requests"])
        seen.append((await of.auditor.audit_day(DAY, MIDNIGHT)).drift_lines)

    assert seen == [1, 1, 0, 1, 1, 0]


async def test_nobody_can_alter_or_pre_empt_what_another_says(of: ProductInMemory) -> None:
    forger = Emitter("forger", ("/forger",), ("victim",), max_age=timedelta(days=7))
    forged = [
        call(f"{DAY}T10:00:00Z", type="rejected"),
        call(f"{DAY}T10:00:00Z", usage=tokens(1, 0)),
        call(f"{DAY}T10:00:00Z", source="/forger", subscriptionId="search", usage=tokens(10**9, 0)),
        call("2026-03-01T10:00:00Z", source="/forger", subscriptionId="victim"),
    ]

    outcome = await of.ingest.ingest(forged, MIDNIGHT, emitter=forger)
    true = await of.ingest.ingest([call(f"{DAY}T10:00:00Z")], MIDNIGHT, emitter=EVENT_GRID)

    assert [each.reason for each in outcome.quarantined] == [*["not-allowed"] * 3, "time-out-of-range"]
    assert (outcome.accepted, true.accepted) == (0, 1)


async def test_a_posting_after_an_audit_keeps_to_what_was_written_first_whoever_wrote_it(of: ProductInMemory) -> None:
    of.ledger.writer = "b"
    await of.ledger.append(DAY, [call(f"{DAY}T10:00:00Z", usage=tokens(10, 1))])
    of.ledger.writer = "a"
    await of.ledger.append(DAY, [call(f"{DAY}T10:00:00Z", usage=tokens(999, 1))])

    assert await requests(of, MIDNIGHT) == {DAY: 1, NEXT: 0}
    assert of.charges(DAY)["exact", "input_tokens"] == 10


async def test_a_posting_after_a_loss_leaves_to_the_gateway_what_another_emitter_describes(of: ProductInMemory) -> None:
    await of.ledger.append(DAY, [call(f"{DAY}T23:59:59Z", id="own", source="/beside", **GATEWAY_CALL)])
    await of.ledger.append(NEXT, [call(f"{NEXT}T00:00:01Z")])

    assert await requests(of, MIDNIGHT) == {DAY: 0, NEXT: 1}


SAID = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from([DAY, NEXT]),
        st.sampled_from(["recorded", "pending", "settled", "rejected", "beside"]),
        st.sampled_from("AB"),
        st.integers(1, 4),
    ),
    max_size=8,
)


def said(day: str, kind: str, name: str, amount: int) -> bytes:
    time = f"{DAY}T23:59:59Z" if day == DAY else f"{NEXT}T00:00:01Z"
    if kind == "beside":
        beside = GATEWAY_CALL | {"gatewayEventId": name}
        return call(time, id=f"own-{name}", source="/beside", usage=tokens(amount, 1), **beside)
    used = {} if kind in ("pending", "rejected") else {"usage": tokens(amount, 1)}
    return usage_event(
        id=f"{name}/settled" if kind == "settled" else name, type=kind, time=time, model="gpt-4o", **used
    )


@settings(max_examples=few(4))
@given(SAID)
async def test_whatever_was_said_by_whom_an_audit_finds_what_the_posting_posted(
    catalogue: Catalogue, events: list[tuple[str, str, str, str, int]]
) -> None:
    of = in_memory(catalogue)
    for writer, day, kind, name, amount in events:
        of.ledger.writer = writer
        await of.ledger.append(day, [said(day, kind, name, amount)])
    seen = []
    for _ in range(2):
        await of.poster.post(MIDNIGHT)
        seen.append({day: of.charges(day) for day in (DAY, NEXT)})
        await of.auditor.audit(MIDNIGHT + timedelta(days=1))
        seen.append({day: of.charges(day) for day in (DAY, NEXT)})
        of.counter.days.clear()
    await of.poster.post(MIDNIGHT)
    final = await of.auditor.audit(MIDNIGHT + timedelta(days=40))

    assert seen == [{day: of.charges(day) for day in (DAY, NEXT)}] * 4
    assert [each.drift_lines for each in final] == [0] * len(final)


class TornDay(MemoryLedger):
    """A ledger of which one day is damaged."""

    async def stamped_blocks(self, day: str, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:
        if day == DAY:
            raise ValueError("Zstd decompress error")
        async for block in super().stamped_blocks(day, within):
            yield block


async def test_a_day_that_cannot_be_read_is_named_and_the_next_one_audited_without_it(catalogue: Catalogue) -> None:
    of = in_memory(catalogue)
    of.ledger = TornDay()
    await of.ledger.append(DAY, [call(f"{DAY}T10:00:00Z")])
    await of.ledger.append(NEXT, [call(f"{NEXT}T10:00:00Z", id="B")])

    with pytest.raises(SomeFailed, match=DAY) as failed:
        await of.auditor.audit(MIDNIGHT + timedelta(days=40))

    assert list(failed.value.failed) == [DAY]
    assert of.charges(NEXT)["exact", "requests"] == 1
    (aside,) = await SetAside(of.control).all()
    assert (aside.day, list(aside.parts)) == (NEXT, [f"ledger of {DAY}"])
