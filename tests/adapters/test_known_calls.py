"""Which calls a day knows: the same in Redis and in memory, whatever phase a call is in."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.redis.connection import connect
from chargeback.adapters.redis.counter import RedisCounter
from chargeback.domain.events.usage_event import EVER, Phase, UsageEvent, call_identity, read_event
from chargeback.services.ports.counter import Counter, EstimatedEvent
from tests.support.builders import usage_event

SOURCE = "/apim/gw/swedencentral"
DAY = datetime.now(UTC).date().isoformat()  # Redis keeps only days that are open
TIME = f"{DAY}T00:00:00Z"
TOKENS = {"prompt_tokens": 1, "completion_tokens": 1}
Work = Callable[[Counter], Awaitable[None]]


def estimate(event: UsageEvent) -> EstimatedEvent:
    return EstimatedEvent(event, (), 0)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
def with_counter(request: pytest.FixtureRequest) -> Callable[[Work], None]:
    """Runs work with an empty counter of either kind."""
    if request.param == "memory":
        return lambda work: asyncio.run(work(MemoryCounter()))  # type: ignore[arg-type]
    request.getfixturevalue("clean_stores")
    url = request.getfixturevalue("redis_url")

    async def run(work: Work) -> None:
        counter = RedisCounter(connect(url))
        try:
            await work(counter)
        finally:
            await counter.close()

    return lambda work: asyncio.run(run(work))


def test_every_phase_of_a_call_makes_it_known(with_counter: Callable[[Work], None]) -> None:
    events = [
        usage_event(time=TIME, id="recorded"),
        usage_event(time=TIME, id="rejected", type="rejected", statusCode=429),
        usage_event(time=TIME, id="pending", type="pending", stream=True),
        usage_event(
            time=TIME, id="recovered/settled", type="settled", usage={"prompt_tokens": 1, "completion_tokens": 1}
        ),
    ]
    names = ["recorded", "missing", "rejected", "pending", "recovered", "else"]

    async def work(counter: Counter) -> None:
        await counter.count(DAY, [read_event(raw, EVER) for raw in events], estimate)

        known = await counter.accounted_for(DAY, [call_identity(SOURCE, name) for name in names])

        assert known == [True, False, True, True, True, False]

    with_counter(work)


def test_a_day_that_is_not_counted_knows_nothing_of_any_call(with_counter: Callable[[Work], None]) -> None:
    async def work(counter: Counter) -> None:
        assert await counter.accounted_for(DAY, [call_identity(SOURCE, "any")]) is None

    with_counter(work)


def test_more_calls_than_fit_into_one_request_are_asked_for(with_counter: Callable[[Work], None]) -> None:
    async def work(counter: Counter) -> None:
        await counter.count(DAY, [read_event(usage_event(time=TIME, id="last"), EVER)], estimate)

        known = await counter.accounted_for(
            DAY, [call_identity(SOURCE, str(n)) for n in range(4500)] + [call_identity(SOURCE, "last")]
        )

        assert known is not None
        assert (len(known), sum(known), known[-1]) == (4501, 1, True)

    with_counter(work)


PHASES_SEEN = {
    "recorded": ([{"usage": TOKENS}], Phase.FINAL),
    "pending": ([{"type": "pending", "stream": True}], Phase.PENDING),
    "fetched": ([{"type": "settled", "method": "GET", "responseId": "resp_1", "usage": TOKENS}], Phase.POLL),
    "rebuilt": ([{"type": "settled", "usageSource": "gateway-log-alone", "usage": TOKENS}], Phase.RECOVERED),
    "settled": ([{"type": "pending", "stream": True}, {"type": "settled", "usage": TOKENS}], Phase.SETTLED),
}


@pytest.mark.parametrize("kind", PHASES_SEEN)
def test_the_lowest_and_the_highest_phase_of_a_call_are_told(with_counter: Callable[[Work], None], kind: str) -> None:
    told, last = PHASES_SEEN[kind]
    events = [read_event(usage_event(time=TIME, id="call", **fields), EVER) for fields in told]

    async def work(counter: Counter) -> None:
        await counter.count(DAY, events, estimate)

        found = await counter.seen(DAY, [events[0].call, call_identity(SOURCE, "missing")])

        first, missing = found
        assert first is not None
        assert missing is None
        assert first.last is last
        assert last is Phase.FINAL or first.first is events[0].phase

    with_counter(work)


def test_what_waits_is_told_some_hundred_at_a_time_and_whole_while_some_of_it_is_settled(
    with_counter: Callable[[Work], None],
) -> None:
    streams = [
        read_event(usage_event(time=TIME, id=f"call-{n}", type="pending", stream=True), EVER) for n in range(3_000)
    ]

    async def work(counter: Counter) -> None:
        await counter.count(DAY, streams, estimate)
        found: set[bytes] = set()
        sizes: list[int] = []
        async for page in counter.pending(DAY):
            sizes.append(len(page))
            found.update(page)
            done = [usage_event(time=TIME, id=json.loads(raw)["id"], usage=TOKENS) for raw in page]
            await counter.count(DAY, [read_event(raw, EVER) for raw in done], estimate)

        assert len(found) == 3_000
        assert isinstance(counter, MemoryCounter) or max(sizes) < 1_100
        assert [page async for page in counter.pending(DAY) if page] == []

    with_counter(work)
