"""The counter counts every call once, in whatever order its events come: in memory and in Redis alike."""

import asyncio

import pytest

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.redis.counter import RedisCounter
from chargeback.bootstrap import Container
from chargeback.domain.errors import CountFull
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.counter import Counter
from stack.clear import clear_redis
from tests.adapters.counted_events import TODAY, count, estimate, event, state
from tests.support.builders import tokens
from tests.support.waiting import all_pending

pytestmark = pytest.mark.anyio


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
