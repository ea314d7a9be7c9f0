"""Ledger events behind a line: the same ones that the recount takes, and no other."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from chargeback.adapters.memory.stores import MemoryLedger
from chargeback.domain.events.usage_event import EVER, day_beside, read_event
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, quantity_of
from chargeback.services.explaining.trace_events import Trace, trace_events
from chargeback.services.ports.ledger import LedgerBlock
from chargeback.services.usage.recount import recount
from tests.support.builders import DAY, tokens, usage_event

pytestmark = pytest.mark.anyio

ALL_DAY = range(24)


async def ledger_of(*events: bytes) -> MemoryLedger:
    ledger = MemoryLedger()
    await ledger.append(DAY, events)
    return ledger


def line_of(event: bytes) -> Line:
    return read_event(event, EVER).line


async def traced(ledger: MemoryLedger, line: Line, **options: Any) -> Trace:
    given: dict[str, Any] = {"hours": ALL_DAY, "meter": Meter.INPUT, "limit": 100} | options
    return await trace_events(
        ledger, DAY, line, given["hours"], given["meter"], limit=given["limit"], named=frozenset()
    )


async def test_the_events_of_a_line_are_listed_with_their_tokens() -> None:
    first, second = usage_event(id="a", usage=tokens(100, 50)), usage_event(id="b", usage=tokens(30, 1))
    other = usage_event(id="c", subscriptionId="support")

    trace = await traced(await ledger_of(first, other, second), line_of(first))

    assert [(event.id, event.quantity) for event in trace.events] == [("a", 100), ("b", 30)]
    assert (trace.count, trace.quantity) == (2, 130)
    assert trace.events[0].source == "/apim/gw/swedencentral"


async def test_an_event_seen_twice_is_traced_once() -> None:
    event = usage_event(id="a", usage=tokens(100, 50))

    assert (await traced(await ledger_of(event, event), line_of(event))).count == 1


async def test_what_was_written_first_is_traced_whoever_wrote_it() -> None:
    class Stamped(MemoryLedger):
        async def stamped_blocks(self, day: str, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:
            for written, raw in zip((9, 5), self.events.get(day, ()), strict=False):
                yield LedgerBlock(raw + b"\n", written)

    forged, true = usage_event(id="a", usage=tokens(1, 0)), usage_event(id="a", usage=tokens(100, 0))
    ledger = Stamped()
    await ledger.append(DAY, [forged, true])

    assert (await traced(ledger, line_of(true))).quantity == 100


async def test_a_settled_event_counts_instead_of_the_pending_one() -> None:
    pending = usage_event(id="s", type="pending", stream=True)
    settled = usage_event(id="s/settled", type="settled", stream=True, usage=tokens(40, 2), usageSource="gateway-log")
    ledger = await ledger_of(settled, pending)

    assert (await traced(ledger, line_of(settled))).quantity == 40
    assert (await traced(ledger, line_of(pending), meter=Meter.REQUESTS)).count == 0


async def test_a_recorded_event_counts_instead_of_one_that_was_recovered() -> None:
    recovered = usage_event(id="r/settled", type="settled", usage=tokens(9, 9))
    recorded = usage_event(id="r", usage=tokens(10, 10))
    ledger = await ledger_of(recovered, recorded)

    assert (await traced(ledger, line_of(recovered))).count == 0
    assert (await traced(ledger, line_of(recorded))).quantity == 10


async def test_only_the_hours_that_are_asked_for_count() -> None:
    early = usage_event(id="a", time=f"{DAY}T08:59:59Z", usage=tokens(100, 1))
    late = usage_event(id="b", time=f"{DAY}T09:00:00Z", usage=tokens(7, 1))

    trace = await traced(await ledger_of(early, late), line_of(early), hours={9})

    assert [event.id for event in trace.events] == ["b"]


async def test_the_list_is_bounded_and_the_count_and_sum_are_of_all() -> None:
    events = [usage_event(id=f"e{number:03}", usage=tokens(number, 1)) for number in range(1, 101)]

    trace = await traced(await ledger_of(*events), line_of(events[0]), limit=3)

    assert ([event.id for event in trace.events], trace.count, trace.quantity) == (["e001", "e002", "e003"], 100, 5050)


async def test_an_unreadable_event_is_passed_over() -> None:
    event = usage_event(id="a")

    assert (await traced(await ledger_of(b"{broken", event), line_of(event))).count == 1


async def test_the_trace_of_every_line_is_what_the_recount_says_of_it() -> None:
    poll = {"type": "settled", "method": "GET", "responseId": "resp-1", "operation": "responses"}
    events = [
        usage_event(id="a", usage=tokens(100, 50, cached=20)),
        usage_event(id="a", usage=tokens(100, 50, cached=20)),
        usage_event(id="p", type="pending", stream=True),
        usage_event(id="p/settled", type="settled", stream=True, usage=tokens(40, 2)),
        usage_event(id="bg", type="pending", responseId="resp-1", operation="responses"),
        usage_event(id="poll-1", usage=tokens(5, 5), **poll),
        usage_event(id="poll-2", usage=tokens(6, 6), **poll),
        usage_event(id="poll-3", usage=tokens(7, 7), **(poll | {"responseId": "resp-unknown"})),
        usage_event(id="x", type="rejected", statusCode=429),
        usage_event(id="open", type="pending", stream=True, subscriptionId="support"),
        usage_event(id="guess/settled", type="settled", usage=tokens(8, 8), usageSource="estimated"),
        usage_event(id="late", time=f"{DAY}T23:59:59.999Z", usage=tokens(1, 1)),
    ]
    ledger = await ledger_of(*events)

    async with recount(ledger, DAY, workers=0) as counted:
        lines = [line async for page in counted.pages() for line in page]

    assert len(lines) >= 5
    for each in lines:
        counted_meters = {meter for quantities in each.hours.values() for meter in quantities}
        for meter in (*counted_meters, Meter.IMAGES):
            expected = sum(quantity_of(quantities, meter) for quantities in each.hours.values())
            assert (await traced(ledger, each.line, meter=meter)).quantity == expected, (each.line, meter)


async def test_a_poll_is_traced_to_the_line_of_the_one_who_made_the_call() -> None:
    made = usage_event(id="bg", type="pending", responseId="r", operation="responses", username="ann")
    poll = usage_event(
        id="get", type="settled", method="GET", responseId="r", operation="responses", subscriptionId="support",
        usage=tokens(5, 5), time=f"{DAY}T11:00:00Z",
    )  # fmt: skip
    ledger = await ledger_of(made, poll)
    line = line_of(poll)._replace(subscription="search", user="ann")

    assert [event.id for event in (await traced(ledger, line, hours={9})).events] == ["get"]
    assert (await traced(ledger, line_of(poll))).count == 0


async def test_a_call_that_the_day_before_accounts_for_is_not_traced_to_this_one() -> None:
    here, kept = usage_event(id="a", time=f"{DAY}T00:00:01Z"), usage_event(id="b", usage=tokens(30, 1))
    ledger = await ledger_of(here, kept)
    before = day_beside(DAY, -1)
    await ledger.append(before, [usage_event(id="a", time=f"{before}T23:59:59Z")])

    assert [event.id for event in (await traced(ledger, line_of(kept))).events] == ["b"]


async def test_an_estimate_is_traced_with_the_reason() -> None:
    event = usage_event(id="a", usage=tokens(100, 50), requestedTier="priority")

    trace = await traced(await ledger_of(event), line_of(event))

    assert [traced.doubts for traced in trace.events] == [
        ("the answer does not tell its service tier; priority was asked for",)
    ]
