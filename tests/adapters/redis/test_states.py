"""What Redis keeps of calls that are not final: little, because a day has each line once for all of its calls."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chargeback.adapters.redis import calls
from chargeback.adapters.redis.connection import connect
from chargeback.adapters.redis.counter import RedisCounter
from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.counter import EstimatedEvent
from stack.clear import clear_redis
from tests.support.builders import tokens, usage_event

TODAY = datetime.now(UTC).date().isoformat()
SCOPES = tuple(f"{TODAY}|{name}" for name in ("cost-centre:product/search", "subscription:search", "user:ann"))


def said(number: int, **fields: Any) -> UsageEvent:
    told = {"time": f"{TODAY}T{number % 24:02}:00:00Z", "id": f"call-{number}", "companyName": "Example Company"}
    return read_event(usage_event(**(told | fields)), EVER)


def estimate(event: UsageEvent) -> EstimatedEvent:
    return EstimatedEvent(event, SCOPES, 10**9)


@pytest.mark.anyio
@pytest.mark.servers
async def test_a_settled_stream_takes_a_tenth_of_a_kilobyte_or_two(redis_url: str) -> None:
    clear_redis(redis_url)
    counter = RedisCounter(connect(redis_url))
    streams = [said(number, type="pending", stream=True) for number in range(1_000)]
    settled = [
        said(number, type="settled", id=f"call-{number}/settled", usage=tokens(4_000, 900)) for number in range(1_000)
    ]

    await counter.count(TODAY, streams, estimate)
    flags = await counter.count(TODAY, settled, estimate)
    states = counter._key(TODAY, "states")  # type: ignore[arg-type]
    used, length = await counter._client.memory_usage(states, samples=0), await counter._client.hlen(states)
    accounts = await counter._client.hlen(counter._key(TODAY, "accounts"))  # type: ignore[arg-type]
    await counter.close()

    assert list(flags) == [True] * 1_000
    assert length == 1_000
    assert used / 1_000 < 200
    assert accounts == 2, "the line of the pending calls and that of the settled ones"


def test_every_hour_and_meter_has_a_number_of_its_own() -> None:
    numbers = {calls._FIELDS[hour][meter] for hour in range(24) for meter in Meter}

    assert len(numbers) == 24 * len(Meter)
