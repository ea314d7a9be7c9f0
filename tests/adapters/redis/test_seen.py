"""Which calls a day has seen: every call once while its sets grow, whoever counts and whatever dies in between."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.redis.calls import known_as
from chargeback.adapters.redis.connection import connect
from chargeback.adapters.redis.counter import RedisCounter
from chargeback.domain.events.usage_event import EVER, UsageEvent, call_identity, read_event
from chargeback.services.ports.counter import Counter, EstimatedEvent
from stack.clear import clear_redis
from tests.support.builders import tokens, usage_event
from tests.support.waiting import all_pending

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

TODAY = datetime.now(UTC).date().isoformat()
"""Redis drops a day that has expired, so the day has to be a recent one."""

STREAM = {"type": "pending", "stream": True}


def said(number: int, **fields: object) -> UsageEvent:
    at = {"time": f"{TODAY}T09:00:00Z", "username": f"user-{number % 3}"}
    return read_event(usage_event(**(at | {"id": f"call-{number}"} | fields)), EVER)


EVENTS = [
    event
    for number in range(40)
    for event in (
        said(number, usage=tokens(10 + number, 1)),
        said(number, **STREAM),
        said(number, type="settled", id=f"call-{number}/settled", usage=tokens(20 + number, 2)),
    )
]
"""For each of some calls a recorded event, a pending and a settled one."""


def estimate(event: UsageEvent) -> EstimatedEvent:
    return EstimatedEvent(event, ("all",), sum(event.quantities.values()))


async def counted(counter: Counter) -> object:
    """All that a day has counted."""
    changed = await counter.changed_lines(TODAY)
    assert changed is not None
    lines = await counter.lines(TODAY, changed.epoch, list(changed.lines))
    calls = [event.call for event in EVENTS]
    return (
        {each.line: each.hours for each in lines if each.hours},
        {scope: spent for scope, spent in (await counter.spend(TODAY)).picodollars.items() if spent},
        sorted(await all_pending(counter, TODAY)),
        [known and known.last for known in await counter.seen(TODAY, calls)],
        await counter.accounted_for(TODAY, calls),
    )


@pytest.fixture
async def instances(redis_url: str) -> AsyncIterator[tuple[RedisCounter, RedisCounter]]:
    """Two instances, whose days have sets for very few calls."""
    clear_redis(redis_url)
    pair = tuple(RedisCounter(connect(redis_url), set_digits=1, most_in_set=1) for _ in range(2))
    yield pair  # type: ignore[misc]
    for each in pair:
        await each.close()


async def sets_of(counter: RedisCounter) -> dict[str, int]:
    """The name of each set → the calls in it."""
    names = [key async for key in counter._client.scan_iter(f"*{{{TODAY}}}:seen:*")]
    return {key.decode().rpartition(":")[2]: await counter._client.scard(key) for key in names}


SOME = st.lists(st.sampled_from(EVENTS), max_size=12)
BATCHES = st.lists(st.tuples(st.integers(0, 1), SOME), max_size=20)
DYING = st.lists(st.tuples(st.integers(0, 3), SOME), min_size=1, max_size=12)
"""Batches, and after how many scripts their sender dies."""

REAL = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@REAL
@given(BATCHES)
async def test_two_instances_count_as_memory_does_while_the_sets_grow(
    instances: tuple[RedisCounter, RedisCounter], batches: list[tuple[int, list[UsageEvent]]]
) -> None:
    reference = MemoryCounter()
    await instances[0].forget(TODAY)
    await reference.begin(TODAY)
    await instances[0].begin(TODAY)

    for who, events in batches:
        flags = [await each.count(TODAY, events, estimate) for each in (instances[who], reference)]
        assert flags[0] == flags[1]

    for each in instances:
        assert await counted(each) == await counted(reference)
    assert sum((await sets_of(instances[0])).values()) == len({event.call for _, some in batches for event in some})


@REAL
@given(DYING)
async def test_a_sender_that_dies_between_any_two_calls_and_comes_again_counts_nothing_twice(
    instances: tuple[RedisCounter, RedisCounter], batches: list[tuple[int, list[UsageEvent]]]
) -> None:
    reference = MemoryCounter()
    await instances[0].forget(TODAY)
    await reference.begin(TODAY)
    for _, events in batches:
        await reference.count(TODAY, events, estimate)

    await instances[0].begin(TODAY)
    for scripts, events in batches:
        try:
            await DiesAfter(instances[0], scripts).count(TODAY, events, estimate)
        except Died:
            await instances[1].count(TODAY, events, estimate)

    assert await counted(instances[1]) == await counted(reference)


class Died(Exception):
    """The process is gone."""


class DiesAfter(RedisCounter):
    """A sender that dies as soon as Redis has run so many of its scripts: it never hears of the last one."""

    def __init__(self, alive: RedisCounter, scripts: int) -> None:
        super().__init__(alive._client, set_digits=1, most_in_set=1)
        self._left = scripts

    async def _call(self, script: object, day: str, args: list[object]) -> list[object]:
        answer = await super()._call(script, day, args)  # type: ignore[arg-type]
        if self._left == 0:
            raise Died
        self._left -= 1
        return answer


async def test_instances_at_the_same_time_count_every_call_once_across_growths(
    instances: tuple[RedisCounter, RedisCounter],
) -> None:
    rng = random.Random(7)
    events = [said(number, usage=tokens(1, 1)) for number in range(600)]
    counted: list[bool] = []
    for _ in range(6):
        at_once = (instances[number % 2].count(TODAY, rng.sample(events, 60), estimate) for number in range(8))
        counted += [flag for flags in await asyncio.gather(*at_once) for flag in flags]

    counted += await instances[0].count(TODAY, events, estimate)

    assert sum(counted) == 600
    sets = await sets_of(instances[0])
    assert sum(sets.values()) == 600
    assert {len(name) for name in sets} == {1, 2, 3}


async def test_a_forgotten_day_leaves_no_set_of_any_size_and_begins_small_again(
    instances: tuple[RedisCounter, RedisCounter],
) -> None:
    events = [said(number) for number in range(300)]
    await instances[0].count(TODAY, events[:30], estimate)
    await instances[0].count(TODAY, events[30:], estimate)
    grown = await sets_of(instances[0])

    await instances[1].forget(TODAY)
    left = [key async for key in instances[0]._client.scan_iter("*")]
    again = await instances[0].count(TODAY, events[:1], estimate)

    assert {len(name) for name in grown} == {1, 2}
    assert left == []
    assert list(again) == [True]
    assert {len(name) for name in await sets_of(instances[0])} == {1}


async def test_every_set_expires_with_its_day(instances: tuple[RedisCounter, RedisCounter]) -> None:
    for start in range(0, 300, 10):
        some = [said(number) for number in range(start, start + 10)]
        await instances[start // 10 % 2].count(TODAY, some, estimate)
    client = instances[0]._client

    async with client.pipeline(transaction=True) as pipeline:
        for key in await client.keys("*"):
            pipeline.ttl(key)
        seconds = await pipeline.execute()

    assert max(seconds) - min(seconds) <= 1, "all of them are told in the same moment"
    assert min(seconds) > 0


async def test_a_finished_call_takes_a_few_bytes(redis_url: str) -> None:
    clear_redis(redis_url)
    counter = RedisCounter(connect(redis_url), set_digits=1)
    for start in range(0, 8_000, 100):  # more than sixteen sets take, so that there are large and small ones
        names = (call_identity("/apim/gw/swedencentral", str(number)) for number in range(start, start + 100))
        await counter.count(TODAY, [said(0)._replace(call=name) for name in names], estimate)
    sets = [key async for key in counter._client.scan_iter("*:seen:*")]

    used = [await counter._client.memory_usage(key, samples=0) for key in sets]
    encodings = {await counter._client.object("ENCODING", key) for key in sets}
    await counter.close()

    assert sum(used) / 8_000 < 15
    assert encodings == {b"intset"}, "a set of more integers, or of anything else, takes several times the memory"
    assert len(sets) > 16


@pytest.mark.parametrize(
    ("call", "known"),
    [
        ("0" * 32, "00000-9223372036854775808"),
        ("f" * 32, "fffff9223372036854775807"),
        ("abcde12345678901" + "8000000000000000", "abcde0"),
        ("abcde12345678901" + "7fffffffffffffff", "abcde-1"),
    ],
)
async def test_a_call_is_kept_as_an_integer_that_redis_can_pack(redis_url: str, call: str, known: str) -> None:
    clear_redis(redis_url)
    counter = RedisCounter(connect(redis_url))
    event = said(0)._replace(call=call)

    flags = [*await counter.count(TODAY, [event], estimate), *await counter.count(TODAY, [event], estimate)]
    (key,) = [key async for key in counter._client.scan_iter("*:seen:*")]
    encoding, members = await counter._client.object("ENCODING", key), await counter._client.smembers(key)
    await counter.close()

    assert known_as(call) == known
    assert (flags, encoding) == ([True, False], b"intset")
    assert members == {known[5:].encode()}
    assert key.decode().endswith(f":seen:{known[:3]}")
