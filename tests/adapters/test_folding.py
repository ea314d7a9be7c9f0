"""Too many names of one subscription are counted together: in Redis, in memory and in the recount alike."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.stores import MemoryLedger
from chargeback.adapters.redis.counter import RedisCounter
from chargeback.bootstrap import Container
from chargeback.domain.cost_centres.folding import OTHERS, folded
from chargeback.domain.errors import CountFull
from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.services.explaining.trace_events import trace_events
from chargeback.services.ports.counter import Counter, EstimatedEvent
from chargeback.services.usage import replay_day
from chargeback.services.usage.recount import recount
from stack.clear import clear_redis
from tests.support.builders import tokens, usage_event

pytestmark = pytest.mark.anyio

TODAY = datetime.now(UTC).date().isoformat()
NAMED = frozenset({("billing_code", "VOICE"), ("user", "boss"), ("deployment", "gpt-4o"), ("deployment", "gpt-image")})
MOST = 2


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
def small(request: pytest.FixtureRequest) -> Counter:
    """A counter with two names and six lines a subscription."""
    most: dict[str, Any] = {"most_names": MOST, "most_lines_of_one": 6, "most_waiting_of_one": 2}
    if request.param == "memory":
        return MemoryCounter(**most)
    clear_redis(request.getfixturevalue("stack").url("redis"))
    container: Container = request.getfixturevalue("container")
    return RedisCounter(container.counter._client, **most)


def estimate(event: UsageEvent) -> EstimatedEvent:
    return EstimatedEvent(event, (), 0, folded(event.line, NAMED))


def event(**arguments: Any) -> UsageEvent:
    return read_event(usage_event(**({"time": f"{TODAY}T09:00:00Z", "usage": tokens(1, 0)} | arguments)), EVER)


def of_user(user: str | None, **more: Any) -> UsageEvent:
    return event(username=user, **more)


async def users(counter: Counter) -> dict[tuple[str, str, str], int]:
    """(subscription, user, billing code) → requests."""
    changed = await counter.changed_lines(TODAY)
    assert changed is not None
    sums: dict[tuple[str, str, str], int] = {}
    for each in await counter.lines(TODAY, changed.epoch, list(changed.lines)):
        if requests := _requests(each.hours):
            sums[_name(each.line)] = sums.get(_name(each.line), 0) + requests
    return sums


def _name(line: Line) -> tuple[str, str, str]:
    return line.subscription, line.user, line.billing_code


def _requests(hours: Any) -> int:
    return sum(quantities.get(Meter.REQUESTS, 0) for quantities in hours.values())


async def recounted_lines(events: Sequence[UsageEvent]) -> dict[Line, int]:
    ledger = MemoryLedger()
    for each in events:
        await ledger.append(TODAY, [each.raw])
    async with recount(ledger, TODAY, workers=0, named=NAMED, most_names=MOST) as day:
        return {each.line: _requests(each.hours) async for page in day.pages() for each in page}


async def recounted(events: Sequence[UsageEvent], batch: int) -> dict[tuple[str, str, str], int]:
    ledger = MemoryLedger()
    for start in range(0, len(events), batch):
        await ledger.append(TODAY, [each.raw for each in events[start : start + batch]])
    sums: dict[tuple[str, str, str], int] = {}
    async with recount(ledger, TODAY, workers=0, named=NAMED, most_names=MOST) as day:
        async for page in day.pages():
            for each in page:
                sums[_name(each.line)] = sums.get(_name(each.line), 0) + _requests(each.hours)
    return sums


async def test_a_line_that_is_folded_spends_in_the_scopes_of_further_names(small: Counter) -> None:
    def scoped(each: UsageEvent) -> EstimatedEvent:
        if each.line.user == OTHERS:
            return EstimatedEvent(each, ("all",), 1)
        return EstimatedEvent(each, ("all", "user"), 1, folded(each.line, NAMED), ("all",))

    await small.count(TODAY, [of_user(f"ann-{number}") for number in range(MOST + 2)], scoped)

    assert (await small.spend(TODAY)).picodollars == {"all": MOST + 2, "user": MOST}


async def test_further_names_are_counted_together_and_no_one_else_s_are(small: Counter) -> None:
    came = [of_user(name) for name in ("a", "b", "a", "c", "d", "c", None, "boss")]
    came += [of_user("c", subscriptionId="support"), of_user("d", billingCode="VOICE", tenantId="t")]

    flags = [*await small.count(TODAY, came[:3], estimate), *await small.count(TODAY, came[3:], estimate)]

    assert all(flags)
    assert await users(small) == {
        ("search", "a", ""): 2,
        ("search", "b", ""): 1,
        ("search", OTHERS, ""): 3,
        ("search", "", ""): 1,
        ("search", "boss", ""): 1,
        ("search", OTHERS, "VOICE"): 1,
        ("support", "c", ""): 1,
    }


async def test_a_subscription_with_too_many_waiting_calls_leaves_room_for_the_others(small: Counter) -> None:
    def stream(name: str, **more: Any) -> UsageEvent:
        return event(id=name, type="pending", stream=True, usage=None, **more)

    async def waiting() -> list[str]:
        return sorted([read_event(raw, EVER).call async for some in small.pending(TODAY) for raw in some])

    calls = {name: stream(name) for name in "abcd"} | {"e": stream("e", subscriptionId="support")}
    flags = await small.count(TODAY, [calls[name] for name in "abce"], estimate)
    first, left_out = await waiting(), await small.beyond(TODAY)
    await small.count(TODAY, [event(id="a/settled", type="settled"), event(id="c/settled", type="settled")], estimate)
    await small.count(TODAY, [calls["d"]], estimate)

    assert list(flags) == [True] * 4
    assert first == sorted(calls[name].call for name in "abe")
    assert await waiting() == sorted(calls[name].call for name in "bde")
    assert (left_out, await small.beyond(TODAY)) == ({"search": 1}, {})


async def test_a_subscription_with_too_many_lines_leaves_room_for_the_others(small: Counter) -> None:
    many = [event(id=f"{n}", tenantId=f"tenant-{n}") for n in range(8)]

    with pytest.raises(CountFull) as full:
        await small.count(TODAY, [*many, event(subscriptionId="support")], estimate)

    assert full.value.flags == [True] * 6 + [False] * 2 + [True]
    assert await users(small) == {("search", "", ""): 6, ("support", "", ""): 1}


def of_app(app: str, **more: Any) -> UsageEvent:
    """A call of an Entra application, without a subscription."""
    return event(**({"subscriptionId": None, "productId": None, "tenantId": "t", "appId": app} | more))


@pytest.mark.parametrize("batch", [1, 3, 12])
async def test_deployments_that_nobody_knows_are_counted_together_beyond_the_first_ones(
    small: Counter, batch: int
) -> None:
    def made_up(name: str, **more: Any) -> UsageEvent:
        return event(**({"deployment": name, "model": f"model-{name}", "serviceTier": f"tier-{name}"} | more))

    came = [made_up(f"{n}") for n in range(9)] + [event(), event(deployment="GPT-4o", model="new"), made_up("0")]
    for start in range(0, len(came), batch):
        await small.count(TODAY, came[start : start + batch], estimate)

    changed = await small.changed_lines(TODAY)
    assert changed is not None
    lines = await small.lines(TODAY, changed.epoch, list(changed.lines))
    found = {(each.line.deployment, each.line.model, each.line.service_tier): _requests(each.hours) for each in lines}
    assert found == {
        ("0", "model-0", "tier-0"): 2,
        ("1", "model-1", "tier-1"): 1,
        (OTHERS, OTHERS, OTHERS): 7,
        ("gpt-4o", "gpt-4o-2024-11-20", "default"): 1,
        ("gpt-4o", "new", "default"): 1,
    }
    assert await recounted_lines(came) == {each.line: _requests(each.hours) for each in lines}


async def test_a_deployment_that_draws_pictures_is_folded_where_nobody_knows_it_and_prices_them_where_it_is_known() -> (
    None
):
    def drawn(by: str, **more: Any) -> Line:
        return event(**more).line._replace(variant=f"drawn-by:{by}")

    assert folded(drawn("made-up"), NAMED) == drawn(OTHERS)
    assert folded(drawn("gpt-image"), NAMED) is None
    assert folded(drawn("GPT-Image"), NAMED) == drawn("gpt-image")
    assert folded(drawn(""), NAMED) is None
    unknown = folded(drawn("gpt-image", deployment="x"), NAMED)
    assert unknown is not None
    assert (unknown.deployment, unknown.variant) == (OTHERS, "drawn-by:gpt-image")


async def test_one_application_fills_no_day_for_another_one(small: Counter) -> None:
    evil = [of_app("evil", username=f"{n}") for n in range(3)]
    one = of_app("good", username="alice")
    other = of_app("", userObjectId="o", username="alice")
    nobody = of_app("", username="alice")
    came = [*evil, one, other, nobody]

    await small.count(TODAY, came, estimate)

    assert await users(small) == {
        **{("", name, ""): 1 for name in ("0", "1", OTHERS)},
        ("", "alice", ""): 3,
    }
    assert await recounted(came, 2) == await users(small)


async def test_one_application_leaves_room_for_the_waiting_calls_and_lines_of_another(small: Counter) -> None:
    streams = [of_app("evil", id=f"{n}", type="pending", stream=True, usage=None) for n in range(4)]
    good = of_app("good", id="good", type="pending", stream=True, usage=None)
    lines = [of_app("evil", userObjectId=f"{n}") for n in range(8)]

    await small.count(TODAY, [*streams, good], estimate)
    with pytest.raises(CountFull) as full:
        await small.count(TODAY, [*lines, of_app("good")], estimate)

    waiting = {read_event(raw, EVER).call async for some in small.pending(TODAY) for raw in some}
    assert waiting == {streams[0].call, streams[1].call, good.call}
    assert full.value.flags == [True] * 5 + [False] * 3 + [True]


async def test_what_a_rule_names_and_what_is_verified_is_never_folded() -> None:
    line = of_user("d", billingCode="VOICE", tenantId="t", companyName="acme").line

    together = folded(line, NAMED)

    assert together == line._replace(user=OTHERS, company=OTHERS)
    assert folded(together, NAMED) is None
    assert folded(of_user("boss", billingCode="VOICE").line, NAMED) is None
    assert folded(of_user(None).line, NAMED) is None


async def test_a_call_is_settled_under_the_name_that_it_was_folded_into(small: Counter) -> None:
    streams = [of_user(name, id=name, type="pending", stream=True, usage=None) for name in "abc"]
    done = [of_user(name, id=f"{name}/settled", type="settled", stream=True) for name in "cba"]

    for each in (*streams, *done):
        assert list(await small.count(TODAY, [each], estimate)) == [True]

    assert await users(small) == {("search", "a", ""): 1, ("search", "b", ""): 1, ("search", OTHERS, ""): 1}


CAME = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["search", "support"]), st.sampled_from(["VOICE", "x", None])),
    max_size=20,
).map(lambda drawn: [of_user(user, subscriptionId=sub, billingCode=code) for user, sub, code in drawn])


@settings(max_examples=15)
@given(CAME, st.integers(1, 4))
async def test_the_recount_folds_what_the_counter_folds(came: list[UsageEvent], batch: int) -> None:
    counter = MemoryCounter(most_names=MOST)
    await counter.begin(TODAY)
    for start in range(0, len(came), batch):
        await counter.count(TODAY, came[start : start + batch], estimate)

    assert await users(counter) == await recounted(came, batch)


async def test_the_events_of_further_names_are_traced_and_replayed_to_their_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    came = [of_user(f"user-{n}", id=f"call-{n}") for n in range(5)]
    ledger = MemoryLedger()
    for each in came:
        await ledger.append(TODAY, [each.raw])

    def small_recount(*given: Any, **named: Any) -> Any:
        return recount(*given, most_names=MOST, **named)

    monkeypatch.setattr(replay_day, "recount", small_recount)
    monkeypatch.setattr("chargeback.services.explaining.trace_events.recount", small_recount)
    heard = [event async for events in replay_day.heard_events(ledger, TODAY, NAMED) for event in events]
    line = came[0].line._replace(user=OTHERS)
    traced = await trace_events(ledger, TODAY, line, range(24), Meter.REQUESTS, limit=9, named=NAMED)

    assert [event.line.user for event in heard] == ["user-0", "user-1", OTHERS, OTHERS, OTHERS]
    assert [event.id for event in traced.events] == ["call-2", "call-3", "call-4"]
