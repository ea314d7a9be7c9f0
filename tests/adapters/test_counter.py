"""The counter counts every call once, in whatever order its events come: in memory and in Redis alike."""

import asyncio
import copy
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.redis.counter import RedisCounter
from chargeback.bootstrap import Container
from chargeback.domain.errors import CountFull, CountLost
from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.counter import Counter, EstimatedEvent
from stack.clear import clear_redis
from stack.stack import Stack
from tests.support.builders import tokens, usage_event
from tests.support.waiting import all_pending

pytestmark = pytest.mark.anyio

TODAY = datetime.now(UTC).date().isoformat()
"""Redis drops a day that has expired, so the day has to be a recent one."""


def event(**arguments: Any) -> UsageEvent:
    return read_event(usage_event(**({"time": f"{TODAY}T09:00:00Z"} | arguments)), EVER)


def estimate(event: UsageEvent) -> EstimatedEvent:
    spend = sum(event.quantities.values()) * 1000
    return EstimatedEvent(event, (f"subscription:{event.line.subscription}", "cost-centre:product"), spend)


async def count(counter: Counter, *events: UsageEvent) -> list[bool]:
    return list(await counter.count(TODAY, events, estimate))


async def state(counter: Counter) -> dict[str, Any]:
    """All that can be seen of a day; lines and scopes that came back to nothing are like ones that never were."""
    changed = await counter.changed_lines(TODAY)
    if changed is None:
        return {"lines": {}, "spend": {}, "pending": []}
    lines = await counter.lines(TODAY, changed.epoch, list(changed.lines))
    return {
        "lines": {each.line: each.hours for each in lines if each.hours},
        "spend": {scope: spent for scope, spent in (await counter.spend(TODAY)).picodollars.items() if spent},
        "pending": sorted(await all_pending(counter, TODAY)),
    }


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
def full_counter(request: pytest.FixtureRequest) -> Counter:
    """A counter whose days have room for little."""
    if request.param == "memory":
        return MemoryCounter(most_quantities=1_000, most_lines=4)
    clear_redis(request.getfixturevalue("stack").url("redis"))
    container: Container = request.getfixturevalue("container")
    return RedisCounter(container.counter._client, most_quantities=1_000, most_lines=4)


async def test_nothing_is_known_of_a_day_without_events(counter: Counter) -> None:
    assert await counter.epoch(TODAY) is None
    assert await counter.changed_lines(TODAY) is None
    assert await all_pending(counter, TODAY) == []
    assert await counter.spend(TODAY) == (None, {})


async def test_a_call_counts_once_within_a_batch_and_across_batches(counter: Counter) -> None:
    one, other = event(id="a"), event(id="b")

    flags = await count(counter, one, one, other), await count(counter, other, one)

    assert flags == ([True, False, True], [False, False])
    assert (await state(counter))["lines"] == {one.line: {9: {Meter.INPUT: 200, Meter.OUTPUT: 100, Meter.REQUESTS: 2}}}


async def test_counts_add_up_by_hour_meter_and_line(counter: Counter) -> None:
    events = [
        event(time=f"{TODAY}T{hour:02}:00:00Z", subscriptionId=subscription, usage=tokens(hour, 1, cached=hour // 2))
        for hour in range(24)
        for subscription in ("search", "support")
    ]

    await count(counter, *events)

    lines = (await state(counter))["lines"]
    assert len(lines) == 2
    for hours in lines.values():
        assert {hour: quantities.get(Meter.CACHED_INPUT, 0) for hour, quantities in hours.items()} == {
            hour: hour // 2 for hour in range(24)
        }


PHASES: dict[str, dict[str, Any]] = {
    "pending": {"id": "p", "type": "pending", "responseId": "r", "source": "/apim/gw/eastus2"},
    "settled": {"id": "p/settled", "type": "settled", "responseId": "r", "usage": tokens(70, 7)},
    "poll": {"id": "g", "type": "settled", "method": "GET", "responseId": "r", "usage": tokens(80, 8)},
    "pending stream": {"id": "s", "type": "pending"},
    "settled stream": {"id": "s/settled", "type": "settled", "usage": tokens(60, 6)},
    "final": {"id": "s", "type": "recorded", "usage": tokens(90, 9)},
}
EVENTS = {name: event(**arguments) for name, arguments in PHASES.items()}
EXPECTED: dict[frozenset[str], tuple[str, ...]] = {
    frozenset({"pending"}): ("pending",),
    frozenset({"settled"}): ("settled",),
    frozenset({"poll"}): (),
    frozenset({"pending", "poll"}): ("poll",),
    frozenset({"pending", "settled"}): ("settled",),
    frozenset({"settled", "poll"}): ("poll",),
    frozenset({"pending", "settled", "poll"}): ("poll",),
    frozenset({"pending stream", "settled stream"}): ("settled stream",),
    frozenset({"pending stream", "settled stream", "final"}): ("final",),
    frozenset({"pending", "poll", "pending stream", "final"}): ("poll", "final"),
}
"""Which events of a call account for it, of those that came."""


@pytest.mark.parametrize("came", EXPECTED, ids=lambda came: "+".join(sorted(came)))
async def test_the_last_phase_accounts_for_a_call_in_every_order_of_arrival(
    counter: Counter, came: frozenset[str]
) -> None:
    reference = MemoryCounter()
    for name in EXPECTED[came]:
        # Counted alone, as a call of one event.
        await count(reference, EVENTS[name]._replace(call=name, phase=EVENTS["final"].phase))
    expected = await state(reference)
    expected["pending"] = [EVENTS["pending"].raw] if came == {"pending"} else []

    for order in itertools.permutations(sorted(came)):
        await counter.forget(TODAY)
        for name in (*order, *order):
            await count(counter, EVENTS[name])

        assert await state(counter) == expected, order


arrivals = st.lists(st.lists(st.sampled_from(sorted(EVENTS)), max_size=6), max_size=5)


@pytest.mark.servers
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals)
async def test_redis_and_memory_agree_after_any_batches(container: Container, batches: list[list[str]]) -> None:
    real, reference = container.counter, MemoryCounter()
    await real.forget(TODAY)

    for batch in batches:
        flags = [await count(each, *(EVENTS[name] for name in batch)) for each in (real, reference)]
        assert flags[0] == flags[1]

    assert await state(real) == await state(reference)


@given(arrivals)
async def test_the_order_and_number_of_arrivals_do_not_matter(batches: list[list[str]]) -> None:
    came = [name for batch in batches for name in batch]
    counted, shuffled = MemoryCounter(), MemoryCounter()

    await count(counted, *(EVENTS[name] for name in came))
    await count(shuffled, *(EVENTS[name] for name in sorted(set(came), reverse=True)))

    assert await state(counted) == await state(shuffled)


async def test_a_pending_call_that_is_settled_leaves_nothing_on_its_first_line(counter: Counter) -> None:
    await count(counter, EVENTS["pending stream"])
    await count(counter, EVENTS["settled stream"])

    changed = await counter.changed_lines(TODAY)
    assert changed is not None
    lines = {each.line: each.hours for each in await counter.lines(TODAY, changed.epoch, list(changed.lines))}

    assert lines[EVENTS["pending stream"].line] == {}
    assert await all_pending(counter, TODAY) == []


async def test_a_line_that_changes_while_it_is_posted_stays_changed(counter: Counter) -> None:
    await count(counter, event(id="a"), event(id="b", subscriptionId="support"))
    before = await counter.changed_lines(TODAY)
    assert before is not None

    await count(counter, event(id="c"))
    await counter.mark_posted(TODAY, before.epoch, before.lines)

    after = await counter.changed_lines(TODAY)
    assert after is not None
    (left,) = await counter.lines(TODAY, after.epoch, list(after.lines))
    assert left.line.subscription == "search"


async def test_a_duplicate_leaves_a_posted_line_posted(counter: Counter) -> None:
    await count(counter, event(id="a"))
    before = await counter.changed_lines(TODAY)
    assert before is not None
    await counter.mark_posted(TODAY, before.epoch, before.lines)

    await count(counter, event(id="a"))

    after = await counter.changed_lines(TODAY)
    assert after is not None
    assert after.lines == {}


async def test_touching_a_day_makes_every_line_changed_again(counter: Counter) -> None:
    await counter.touch(TODAY)
    assert await counter.changed_lines(TODAY) is None
    await count(counter, event(id="a"), event(id="b", subscriptionId="support"))
    before = await counter.changed_lines(TODAY)
    assert before is not None
    await counter.mark_posted(TODAY, before.epoch, before.lines)

    await counter.touch(TODAY)
    await counter.mark_posted(TODAY, before.epoch, before.lines)

    after = await counter.changed_lines(TODAY)
    assert after is not None
    assert after.lines.keys() == before.lines.keys()


async def test_touching_says_which_change_it_was_so_that_one_taken_back_shows(counter: Counter) -> None:
    nothing = await counter.touch(TODAY)
    await count(counter, event(id="a"))
    counted = await counter.changed_lines(TODAY)

    touched = await counter.touch(TODAY)

    after = await counter.changed_lines(TODAY)
    assert counted is not None
    assert after is not None
    assert nothing == 0 < counted.version < touched == after.version
    assert set(after.lines.values()) == {touched}


async def snapshot(counter: Counter) -> Callable[[], Awaitable[None]]:
    """Remember what the store holds of the day; what is returned brings that back, as a late replica would."""
    if isinstance(counter, MemoryCounter):
        kept = copy.deepcopy(counter.days)

        async def go_back() -> None:
            counter.days.clear()
            counter.days.update(copy.deepcopy(kept))

        return go_back
    client = counter._client  # type: ignore[attr-defined]
    dumps = {key: await client.dump(key) for key in await client.keys(f"*{{{TODAY}}}*")}

    async def restore() -> None:
        await client.flushall()
        for key, dump in dumps.items():
            await client.restore(key, 0, dump)

    return restore


async def test_a_store_that_has_gone_back_is_another_count_as_soon_as_it_is_told_something(counter: Counter) -> None:
    await count(counter, event(id="a"))
    epoch = await counter.epoch(TODAY)
    go_back = await snapshot(counter)
    await count(counter, event(id="b"))
    await count(counter, event(id="b"))
    assert await counter.epoch(TODAY) == epoch

    await go_back()
    gone_back = await counter.epoch(TODAY)
    await count(counter, event(id="c"))
    after = await counter.epoch(TODAY)
    await count(counter, event(id="d"))

    assert gone_back == epoch
    assert after not in (None, epoch)
    assert await counter.epoch(TODAY) == after


async def test_a_day_that_is_begun_has_an_epoch_and_nothing_else(counter: Counter) -> None:
    epoch = await counter.begin(TODAY)

    begun = await counter.changed_lines(TODAY)
    assert begun is not None
    assert (begun.epoch, begun.lines) == (epoch, {})
    assert await counter.accounted_for(TODAY, ["a" * 32]) == [False]
    await count(counter, event(id="a"))
    assert await counter.begin(TODAY) == await counter.epoch(TODAY) == epoch


async def test_a_forgotten_day_is_lost_and_counted_again(counter: Counter) -> None:
    await count(counter, event(id="a"), EVENTS["pending"])
    before = await counter.changed_lines(TODAY)
    assert before is not None

    await counter.forget(TODAY)

    assert await counter.epoch(TODAY) is None
    assert await state(counter) == {"lines": {}, "spend": {}, "pending": []}
    with pytest.raises(CountLost):
        await counter.lines(TODAY, before.epoch, list(before.lines))
    assert await count(counter, event(id="a")) == [True]
    with pytest.raises(CountLost):
        await counter.lines(TODAY, before.epoch, list(before.lines))
    await counter.mark_posted(TODAY, before.epoch, before.lines)
    after = await counter.changed_lines(TODAY)
    assert after is not None
    assert after.epoch != before.epoch
    assert after.lines


async def test_lines_that_were_never_counted_are_lost_lines(counter: Counter) -> None:
    await count(counter, event())
    epoch = await counter.epoch(TODAY)
    assert epoch is not None

    with pytest.raises(CountLost):
        await counter.lines(TODAY, epoch, ["0" * 32])


async def test_days_do_not_mix(counter: Counter) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    await count(counter, event(id="a"))

    flags = await counter.count(yesterday, [event(id="a")], estimate)
    await counter.forget(TODAY)

    assert list(flags) == [True]
    assert await counter.epoch(yesterday) is not None
    await counter.forget(yesterday)


async def test_ten_thousand_lines_of_one_day_are_all_kept(counter: Counter) -> None:
    events = [event(username=f"user-{number}", usage=tokens(number + 1, 1)) for number in range(10_000)]

    flags = await counter.count(TODAY, events, estimate)

    assert all(flags)
    changed = await counter.changed_lines(TODAY)
    assert changed is not None
    lines = await counter.lines(TODAY, changed.epoch, list(changed.lines))
    assert len(lines) == 10_000
    assert sum(each.hours[9][Meter.INPUT] for each in lines) == sum(range(1, 10_001))
    await counter.mark_posted(TODAY, changed.epoch, changed.lines)
    after = await counter.changed_lines(TODAY)
    assert after is not None
    assert after.lines == {}


async def test_concurrent_batches_with_the_same_calls_count_each_once(counter: Counter) -> None:
    events = [event(id=f"call-{number}", usage=tokens(1, 0)) for number in range(200)]

    flags = await asyncio.gather(*(count(counter, *events[start:]) for start in (0, 0, 50, 100, 0, 150)))

    assert sum(map(sum, flags)) == 200
    ((hours,)) = (await state(counter))["lines"].values()
    assert hours == {9: {Meter.INPUT: 200, Meter.REQUESTS: 200}}


async def test_text_of_every_alphabet_survives(counter: Counter) -> None:
    strange = event(username="Zoë 😀 漢字 \\ \" ' {}", type="pending", note="ünïcode", id="é")

    await count(counter, strange)

    assert strange.line in (await state(counter))["lines"]
    assert await all_pending(counter, TODAY) == [strange.raw]


async def test_spend_beyond_64_bits_stops_no_count(counter: Counter) -> None:
    costly = [event(id=f"call-{n}") for n in range(200)]

    flags = await counter.count(TODAY, costly, lambda each: estimate(each)._replace(picodollars=10**17))

    more = await count(counter, event(id="more"))

    assert all([*flags, *more])
    ((hours,)) = (await state(counter))["lines"].values()
    assert hours[9][Meter.REQUESTS] == 201


RANKS = ("beside", "recovered", "pending stream", "settled stream")
BESIDE = event(
    id="x", source="/e", usage=tokens(999, 1), gatewayEventId="s", gatewayEventSource="/apim/gw/swedencentral"
)


@pytest.mark.parametrize(
    "names", list(itertools.permutations(["beside", "recovered", "pending stream", "settled stream"]))
)
async def test_the_gateway_s_own_events_rank_above_those_of_another_emitter(
    counter: Counter, names: tuple[str, ...]
) -> None:
    recovered = event(id="s/settled", type="settled", usage=tokens(5, 5), usageSource="gateway-log-alone")
    events = {**EVENTS, "beside": BESIDE, "recovered": recovered}
    for number in range(1, 5):
        await count(counter, events[names[number - 1]])

        counts = max(names[:number], key=RANKS.index)
        found = await state(counter)
        assert list(found["lines"]) == [events[counts].line]
        assert found["pending"] == ([events[counts].raw] if counts == "pending stream" else [])
        assert await counter.accounted_for(TODAY, [BESIDE.call]) == [counts != "beside"]


async def test_a_full_day_takes_what_fits_and_marks_nothing_else_as_seen(full_counter: Counter) -> None:
    small = [event(id=f"small-{n}", usage=tokens(10, 0)) for n in range(3)]
    huge = event(id="huge", usage=tokens(10**6, 0), subscriptionId="other")

    with pytest.raises(CountFull) as full:
        await count(full_counter, small[0], huge, small[1])
    again = await count(full_counter, small[0], small[2])

    assert (full.value.flags, full.value.left_out) == ([True, False, True], 1)
    assert again == [False, True]
    assert await full_counter.accounted_for(TODAY, [huge.call]) == [False]
    assert (await state(full_counter))["lines"] == {small[0].line: {9: {Meter.INPUT: 30, Meter.REQUESTS: 3}}}


async def test_a_day_with_too_many_lines_takes_only_events_of_the_ones_it_has(full_counter: Counter) -> None:
    events = [event(id=f"call-{n}", username=f"user-{n}", usage=tokens(1, 0)) for n in range(6)]

    with pytest.raises(CountFull) as full:
        await count(full_counter, *events)
    more = await count(full_counter, event(id="more", username="user-0", usage=tokens(1, 0)))

    assert full.value.flags == [True] * 4 + [False] * 2
    assert more == [True]
    assert len((await state(full_counter))["lines"]) == 4


# What only Redis can show


async def keys(container: Container) -> list[bytes]:
    return list(await container.counter._client.keys("*"))


@pytest.mark.servers
async def test_every_key_of_a_day_expires_and_has_the_day_s_hash_tag(clean_stores: Stack, container: Container) -> None:
    counter = container.counter
    await count(counter, event(id="a"), EVENTS["pending"], event(id="b", subscriptionId="support"))
    await count(counter, event(id="c", companyName="new line"))
    changed = await counter.changed_lines(TODAY)
    assert changed is not None
    await counter.mark_posted(TODAY, changed.epoch, changed.lines)
    await counter.touch(TODAY)

    found = await keys(container)
    left = [await counter._client.ttl(key) for key in found]

    assert len(found) == 8 + 4 + 5, "eight of the day, a key for each line and for the set of each call or claim"
    assert all(b"{" + TODAY.encode() + b"}" in key for key in found)
    end_of_use = datetime.fromisoformat(TODAY).replace(tzinfo=UTC) + timedelta(days=5)
    until_then = (end_of_use - datetime.now(UTC)).total_seconds()
    assert all(abs(seconds - until_then) < 5 for seconds in left)


@pytest.mark.servers
async def test_forgetting_a_day_leaves_no_key(clean_stores: Stack, container: Container) -> None:
    await count(container.counter, event(id="a"), EVENTS["pending"])

    await container.counter.forget(TODAY)

    assert await keys(container) == []


@pytest.mark.servers
@pytest.mark.parametrize("lost", ["flushed", "restarted empty"])
async def test_a_lost_redis_is_a_lost_count_and_counts_again(
    clean_stores: Stack, container: Container, lost: str
) -> None:
    counter = container.counter
    await count(counter, event(id="a"))
    before = await counter.changed_lines(TODAY)
    assert before is not None

    if lost == "flushed":
        clear_redis(clean_stores.url("redis"))
    else:
        clean_stores.kill("redis")
        clean_stores.start("redis")

    with pytest.raises(CountLost):
        await counter.lines(TODAY, before.epoch, list(before.lines))
    await counter.mark_posted(TODAY, before.epoch, before.lines)
    assert await count(counter, event(id="a")) == [True]
