"""A call that two days of the ledger speak of is counted on one of them."""

import pytest

from chargeback.adapters.memory.stores import MemoryLedger
from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.recount import recount
from tests.support.recounted_days import DAY, recounted, usage_event

pytestmark = pytest.mark.anyio


BEFORE, AFTER = "2026-03-13", "2026-03-15"


@pytest.mark.parametrize("workers", [0, 2])
async def test_a_call_sent_again_with_the_time_of_the_next_day_is_billed_once(workers: int) -> None:
    ledger = MemoryLedger()
    await ledger.append(BEFORE, [usage_event("A", time=f"{BEFORE}T23:59:59Z")])
    await ledger.append(DAY, [usage_event("A", time=f"{DAY}T00:00:01Z"), usage_event("B")])
    await ledger.append(AFTER, [usage_event("A", time=f"{AFTER}T00:00:01Z")])

    found = []
    for each in (BEFORE, DAY, AFTER):
        async with recount(ledger, each, workers=workers) as day:
            lines = [line async for page in day.pages() for line in page]
        found.append((day.calls, day.conflicts, sum(q[Meter.REQUESTS] for line in lines for q in line.hours.values())))

    assert found == [(1, 0, 1), (1, 1, 1), (0, 1, 0)]


async def test_a_call_filed_with_the_day_on_which_it_was_seen_first_counts_there_once() -> None:
    again = usage_event("A", time=f"{AFTER}T00:00:01Z")

    alone, lines = await recounted([again])
    both, _ = await recounted([usage_event("A", time=f"{DAY}T23:59:59Z"), again])
    far, _ = await recounted([usage_event("A", time="2026-03-16T00:00:01Z")])

    assert [list(hours) for hours in lines.values()] == [[23]]
    assert (alone.calls, both.calls, both.duplicates, dict(far.unreadable)) == (1, 1, 1, {"other-day": 1})


async def test_what_another_emitter_says_yields_to_the_gateway_also_across_midnight() -> None:
    ledger = MemoryLedger()
    named = {"gatewayEventId": "A", "gatewayEventSource": "/apim/x/eastus2"}
    await ledger.append(DAY, [usage_event("beside", time=f"{DAY}T23:59:59Z", **named)])
    await ledger.append(AFTER, [usage_event("A", time=f"{AFTER}T00:00:01Z")])

    calls = []
    for each in (DAY, AFTER):
        async with recount(ledger, each, workers=0) as day:
            calls.append(day.calls)

    assert calls == [0, 1]


async def test_a_call_recovered_on_one_day_yields_to_its_own_event_of_the_day_after() -> None:
    ledger = MemoryLedger()
    recovered = {"type": "settled", "usageSource": "gateway-log-alone"}
    await ledger.append(DAY, [usage_event("A/settled", time=f"{DAY}T23:59:59Z", **recovered)])
    await ledger.append(AFTER, [usage_event("A", "pending", time=f"{AFTER}T00:00:01Z", username="ann")])

    calls = []
    for each in (DAY, AFTER):
        async with recount(ledger, each, workers=0) as day:
            calls.append(day.calls)

    assert calls == [0, 1]


async def test_what_another_emitter_says_yields_to_a_response_that_began_on_the_day_before() -> None:
    ledger = MemoryLedger()
    named = {"gatewayEventId": "A", "gatewayEventSource": "/apim/x/eastus2"}
    await ledger.append(BEFORE, [usage_event("A", "pending", time=f"{BEFORE}T23:59:59Z", responseId="resp_1")])
    await ledger.append(DAY, [usage_event("beside", time=f"{DAY}T00:00:01Z", **named)])

    async with recount(ledger, DAY, workers=0) as day:
        assert day.calls == 0


async def test_a_poll_of_the_day_before_takes_nothing_from_the_day() -> None:
    ledger = MemoryLedger()
    poll = usage_event("get", "settled", method="GET", responseId="resp_1", time=f"{BEFORE}T23:59:59Z")
    await ledger.append(BEFORE, [poll])
    await ledger.append(DAY, [usage_event("post", "pending", responseId="resp_1")])

    async with recount(ledger, DAY, workers=0) as day:
        assert day.calls == 1
