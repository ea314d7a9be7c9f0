"""Who makes a call pays for it: in Redis as in memory, in whatever order the call's phases come."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.bootstrap import Container
from chargeback.domain.events.documents import outline
from chargeback.domain.events.phases import claim_alone
from chargeback.domain.events.usage_event import EVER, Phase, UsageEvent, call_in, read_event
from chargeback.domain.streams.gateway_log import LoggedTokens
from chargeback.domain.streams.settlement import PendingCall, Served, settled
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.services.ports.counter import Counter, EstimatedEvent
from tests.support.accounts import accounts, said_of_calls, totals
from tests.support.builders import tokens, usage_event
from tests.support.waiting import all_pending

pytestmark = pytest.mark.anyio

TODAY = datetime.now(UTC).date().isoformat()
GATEWAY = "/apim/gw/swedencentral"


def event(**arguments: Any) -> UsageEvent:
    return read_event(usage_event(**({"time": f"{TODAY}T09:00:00Z"} | arguments)), EVER)


def estimate(event: UsageEvent) -> EstimatedEvent:
    line = event.line
    spend = event.quantities.get(Meter.INPUT, 0) if line.deployment and line.backend else 0
    return EstimatedEvent(event, (f"subscription:{line.subscription}", f"code:{line.billing_code}"), spend)


async def counted(counter: Counter) -> dict[tuple[Line, int], Quantities]:
    changed = await counter.changed_lines(TODAY)
    lines = await counter.lines(TODAY, changed.epoch, list(changed.lines)) if changed else []
    return {(each.line, hour): dict(sums) for each in lines for hour, sums in each.hours.items()}


async def spend(counter: Counter) -> dict[str, int]:
    return {scope: amount for scope, amount in (await counter.spend(TODAY)).picodollars.items() if amount}


MADE = {"subscriptionId": "search", "username": "ann", "billingCode": "VOICE", "companyName": "acme"}
RESPONSE = {"operation": "responses", "responseId": "r"}
CREATED = event(id="a", type="pending", time=f"{TODAY}T09:59:00Z", **RESPONSE, **MADE, model=None)
SETTLED = event(id="a/settled", type="settled", usage=tokens(7, 1), **RESPONSE, **MADE)
POLLED = event(
    id="get",
    type="settled",
    method="GET",
    usage=tokens(70, 7),
    source="/apim/gw/eastus2",
    subscriptionId="support",
    username="mallory",
    deployment=None,
    backend="oai-eastus2.openai.azure.com",
    model="gpt-4o-mini",
    serviceTier="flex",
    tenantId="t",
    time=f"{TODAY}T10:01:00Z",
    **RESPONSE,
)


@pytest.mark.parametrize("came", list(itertools.permutations([CREATED, SETTLED, POLLED])))
async def test_who_polls_a_response_pays_nothing_for_it(counter: Counter, came: tuple[UsageEvent, ...]) -> None:
    for each in (*came, *came):
        await counter.count(TODAY, [each], estimate)

    ((line, hour),) = await counted(counter)
    assert hour == 9
    assert line == CREATED.line._replace(model="gpt-4o-mini", service_tier="flex", state="exact")
    assert (await counted(counter))[line, 9] == {Meter.INPUT: 70, Meter.OUTPUT: 7, Meter.REQUESTS: 1}
    assert await spend(counter) == {"subscription:search": 70, "code:VOICE": 70}
    assert await all_pending(counter, TODAY) == []


CANCELLED = event(
    id="cancel",
    type="settled",
    method="POST",
    operation="responses.cancel",
    responseId="r",
    usage=tokens(300_000, 1),
    subscriptionId="support",
)


async def test_who_cancels_a_response_pays_nothing_for_it(counter: Counter) -> None:
    for each in (CANCELLED, CREATED, CANCELLED):
        await counter.count(TODAY, [each], estimate)

    ((line, hour),) = await counted(counter)
    assert (line.subscription, line.operation, line.variant, line.state) == (
        "search",
        "responses",
        "long-context",
        "settled",
    )
    assert (await counted(counter))[line, hour] == {Meter.INPUT: 300_000, Meter.OUTPUT: 1, Meter.REQUESTS: 1}


async def test_a_background_stream_that_somebody_cancels_is_one_call(counter: Counter) -> None:
    """The stream's own event does not know the response; the gateway's log settles it."""
    stream = event(id="s", type="pending", operation="responses", stream=True, **MADE)
    for each in (stream, CANCELLED):
        await counter.count(TODAY, [each], estimate)

    assert {line: sums for (line, _), sums in (await counted(counter)).items() if sums} == {
        stream.line: {Meter.REQUESTS: 1}
    }


def test_a_cancel_is_read_by_its_head_as_in_whole() -> None:
    heard = call_in(CANCELLED.raw)

    assert heard
    assert (heard.call, heard.phase, heard.claim) == (CANCELLED.call, Phase.POLL, CANCELLED.claim)
    assert CANCELLED.phase is Phase.POLL


async def test_a_phase_that_stands_alone_keeps_what_it_says(counter: Counter) -> None:
    await counter.count(TODAY, [SETTLED], estimate)

    assert list(await counted(counter)) == [(SETTLED.line, 9)]


async def test_what_the_first_phase_did_not_know_is_filled_in_and_nobody_s_tags_are_mixed(counter: Counter) -> None:
    first = event(id="b", type="pending", operation="batches", responseId="b", deployment=None, backend=None)
    later = event(
        id="g",
        type="settled",
        method="GET",
        operation="batches",
        responseId="b",
        usage=tokens(5, 5),
        deployment="batch",
        backend="b.openai.azure.com",
        username="bob",
        billingCode="VOICE",
        subscriptionId="support",
    )

    for each in (first, later):
        await counter.count(TODAY, [each], estimate)

    ((line, _),) = await counted(counter)
    assert (line.subscription, line.user, line.billing_code) == ("search", "", "")
    assert (line.deployment, line.backend) == ("batch", "b.openai.azure.com")


@pytest.mark.parametrize(
    ("first", "later", "model", "variant"),
    [
        ({"model": "gpt-4.1-2025-04-14"}, {"model": None}, "gpt-4.1-2025-04-14", ""),
        ({"model": "gpt-4.1-2025-04-14"}, {"model": "gpt-4.1-2025-09-01"}, "gpt-4.1-2025-09-01", ""),
        (
            {"tools": {"image_generation": 0}, "imageDeployment": "draw"},
            {"tools": {"image_generation_call:1024x1024/low": 1}},
            "gpt-4o-2024-11-20",
            "drawn-by:draw",
        ),
        (
            {"tools": {"image_generation": 0}, "imageDeployment": "draw"},
            {"tools": {"image_generation_call:1024x1024/low": 1}, "imageDeployment": "another"},
            "gpt-4o-2024-11-20",
            "drawn-by:draw",
        ),
        ({"tools": {"image_generation": 0}, "imageDeployment": "draw"}, {"tools": None}, "gpt-4o-2024-11-20", ""),
        (
            {"tools": {"image_generation": 0}, "imageDeployment": "draw"},
            {"tools": None, "usage": tokens(300_000, 1)},
            "gpt-4o-2024-11-20",
            "long-context",
        ),
    ],
)
async def test_what_a_fetched_answer_does_not_say_the_call_itself_has_said(
    counter: Counter, first: dict[str, Any], later: dict[str, Any], model: str, variant: str
) -> None:
    made = event(id="a", type="pending", **RESPONSE, **MADE, **first)
    later = {"usage": tokens(7, 1), **later}
    fetched = event(id="get", type="settled", method="GET", **RESPONSE, **MADE, **later)

    for each in (fetched, made):
        await counter.count(TODAY, [each], estimate)

    ((line, _),) = await counted(counter)
    assert (line.model, line.variant) == (model, variant)


@pytest.mark.parametrize("told", [{}, {"trainingType": "Standard"}])
async def test_a_job_s_training_type_is_what_was_asked_for(counter: Counter, told: dict[str, Any]) -> None:
    of_job = {"operation": "fine_tuning.jobs", "responseId": "ftjob-1"}
    made = event(id="a", type="pending", trainingType="Developer", **of_job)
    fetched = event(id="get", type="settled", method="GET", quantities={"trainingTokens": 5}, **of_job, **told)

    for each in (made, fetched):
        await counter.count(TODAY, [each], estimate)

    ((line, _),) = await counted(counter)
    assert line.variant == "developer"


RECOVERED = event(id="s/settled", type="settled", usage=tokens(50, 5), usageSource="gateway-log-alone")
STREAM = event(id="s", type="pending", stream=True, **MADE)
COMPLETED = event(id="s/settled", type="settled", stream=True, usage=tokens(50, 5), usageSource="gateway-log", **MADE)


@pytest.mark.parametrize("came", list(itertools.permutations([RECOVERED, STREAM, COMPLETED])))
async def test_a_recovery_gives_way_to_the_call_s_own_word(counter: Counter, came: tuple[UsageEvent, ...]) -> None:
    for each in (*came, *came):
        await counter.count(TODAY, [each], estimate)

    assert list(await counted(counter)) == [(COMPLETED.line, 9)]
    assert await spend(counter) == {"subscription:search": 50, "code:VOICE": 50}


async def test_a_pending_call_that_replaces_its_recovery_waits_for_its_tokens(counter: Counter) -> None:
    await counter.count(TODAY, [RECOVERED], estimate)
    flags = await counter.count(TODAY, [STREAM], estimate)

    assert list(flags) == [True]
    assert list(await counted(counter)) == [(STREAM.line, 9)]
    assert await all_pending(counter, TODAY) == [outline(STREAM.raw)]
    assert await counter.accounted_for(TODAY, [STREAM.call]) == [True]


BESIDE = event(
    id="mine", source="/beside", usage=tokens(999, 9), gatewayEventId="a", gatewayEventSource=GATEWAY, username="bob"
)
LOST = event(id="a/settled", type="settled", usage=tokens(7, 1), usageSource="gateway-log-alone")


@pytest.mark.parametrize("came", list(itertools.permutations([CREATED, POLLED, BESIDE, LOST])))
async def test_a_background_response_that_others_describe_too_is_one_call(
    counter: Counter, came: tuple[UsageEvent, ...]
) -> None:
    for each in (*came, *came):
        await counter.count(TODAY, [each], estimate)

    found = await counted(counter)
    assert [sums[Meter.REQUESTS] for sums in found.values()] == [1]
    assert [(line.subscription, line.user) for line, _ in found] == [("search", "ann")]
    assert await counter.accounted_for(TODAY, [BESIDE.call, CREATED.call]) == [True, True]


async def test_what_others_say_of_one_call_in_one_batch_is_one_call(counter: Counter) -> None:
    flags = await counter.count(TODAY, [BESIDE, LOST, CREATED, POLLED, SETTLED, POLLED], estimate)

    ((line, _),) = await counted(counter)
    assert (line.subscription, line.model) == ("search", "gpt-4o-mini")
    assert list(flags) == [True, True, True, True, False, False]


async def test_what_waits_of_a_call_is_its_own_event_and_not_one_that_names_it(counter: Counter) -> None:
    own = event(id="a", type="pending", operation="responses", **(MADE | {"subscriptionId": "support"}))
    await counter.count(TODAY, [SETTLED], estimate)

    await counter.count(TODAY, [CREATED, own], estimate)

    assert CREATED.claim == own.call
    assert await all_pending(counter, TODAY) == [outline(own.raw)]


@pytest.mark.parametrize("order", [1, -1])
async def test_an_event_that_is_not_heard_still_says_by_which_request_its_call_is_known(
    counter: Counter, order: int
) -> None:
    again = claim_alone(POLLED)
    beside = event(
        id="b", source="/beside", usage=tokens(9, 9), gatewayEventId="get", gatewayEventSource="/apim/gw/eastus2"
    )

    flags = [list(await counter.count(TODAY, [each], estimate)) for each in (again, again, beside)[::order]]

    assert await counted(counter) == {}
    assert await spend(counter) == {}
    assert flags == ([[False], [False], [False]] if order == 1 else [[True], [False], [False]])


async def test_reading_a_stored_answer_that_is_broken_off_is_no_call(counter: Counter) -> None:
    answered = event(id="a", operation="responses", responseId="r", usage=tokens(6, 0))
    broken = event(id="g1", type="pending", method="GET", operation="responses", responseId="r", statusCode=499)
    read = event(id="g2", type="settled", method="GET", operation="responses", responseId="r", usage=tokens(6, 0))

    for each in (answered, broken, read, broken, read):
        await counter.count(TODAY, [each], estimate)

    assert await counted(counter) == {(answered.line, 9): {Meter.INPUT: 6, Meter.REQUESTS: 1}}
    assert await all_pending(counter, TODAY) == []


async def test_a_pending_call_is_kept_as_what_settles_it(counter: Counter) -> None:
    told = usage_event(
        id="s",
        type="pending",
        time=f"{TODAY}T09:00:00Z",
        stream=True,
        attempts=3,
        durationMs=12,
        decision="warned",
        triedBackends=["a", "b"],
        requestedModel="best",
        requestCharacters=900,
        maxOutputTokens=50,
        requestedTier="flex",
        **MADE,
    )
    await counter.count(TODAY, [read_event(told, EVER)], estimate)

    (kept,) = await all_pending(counter, TODAY)
    call = PendingCall.from_event(kept)
    now = datetime.now(UTC)
    done = settled(call, LoggedTokens("s", GATEWAY, now, "gpt-4o", "", 5, 5, 10, streamed=True, arrived=now), Served())
    await counter.count(TODAY, [read_event(done, EVER)], estimate)

    assert len(kept) < len(read_event(told, EVER).raw) - 90
    assert (call.document.data.request_characters, call.document.data.max_output_tokens) == (900, 50)
    assert [line.user for line, _ in await counted(counter)] == ["ann"]
    assert await all_pending(counter, TODAY) == []


async def test_calls_of_a_line_whose_payer_changes_within_a_batch_spend_in_their_own_scopes(counter: Counter) -> None:
    hours = [event(id=f"c-{hour}", time=f"{TODAY}T{hour:02}:00:00Z", usage=tokens(10, 0)) for hour in (8, 8, 9)]
    centres = {8: ("cost-centre:old",), 9: ("cost-centre:new",)}

    await counter.count(TODAY, hours, lambda each: EstimatedEvent(each, centres[each.hour], 10))

    assert await spend(counter) == {"cost-centre:old": 10, "cost-centre:new": 10}


SAID = said_of_calls(TODAY)


@settings(max_examples=200)
@given(SAID, st.integers(1, 5))
async def test_in_any_order_the_first_phase_pays_for_what_the_last_one_says(said: list[UsageEvent], size: int) -> None:
    counter = MemoryCounter()
    for start in range(0, len(said), size):
        await counter.count(TODAY, said[start : start + size], estimate)

    assert await counted(counter) == totals(accounts(said))
    assert sum((await spend(counter)).values()) == sum(2 * _spent(each) for each in accounts(said).values())


def _spent(account: tuple[int, Line, Quantities]) -> int:
    _, line, quantities = account
    return quantities.get(Meter.INPUT, 0) if line.deployment and line.backend else 0


@pytest.mark.servers
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAID, st.integers(1, 5))
async def test_redis_counts_as_memory_does(container: Container, said: list[UsageEvent], size: int) -> None:
    real, reference = container.counter, MemoryCounter()
    await real.forget(TODAY)
    for start in range(0, len(said), size):
        some = said[start : start + size]
        flags = [list(await each.count(TODAY, some, estimate)) for each in (real, reference)]
        assert flags[0] == flags[1]

    assert await counted(real) == await counted(reference) == totals(accounts(said))
    assert await spend(real) == await spend(reference)
    assert sorted(await all_pending(real, TODAY)) == sorted(await all_pending(reference, TODAY))
    calls = [call for each in said for call in (each.call, each.claim) if call is not None]
    assert await real.accounted_for(TODAY, calls) == await reference.accounted_for(TODAY, calls)
