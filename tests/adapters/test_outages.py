"""A store that dies is reported within seconds, and used again by the same process as soon as it is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from chargeback.adapters.azure import cosmos
from chargeback.bootstrap import Container
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.events.emitters import EVENT_GRID
from chargeback.services.ports.ledger import Rejected
from chargeback.settings import read_settings
from stack.stack import Stack
from tests.support.builders import DAY, usage_event
from tests.support.control_documents import put_document

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

PATIENCE_SECONDS = 15
TODAY = datetime.now(UTC).date().isoformat()
Use = Callable[[Container], Awaitable[object]]

USES: dict[str, list[Use]] = {
    "redis": [
        lambda container: container.counter.changed_lines(TODAY),
        lambda container: container.counter.spend(TODAY),
        lambda container: container.counter.ping(),
    ],
    "blob": [
        lambda container: container.ledger.append(DAY, [b"{}"]),
        lambda container: container.quarantine.put([Rejected("r", "d", b"x")], DAY),
    ],
    "cosmos": [
        lambda container: container.books.postings(DAY),
        lambda container: container.books.postings_of([DAY]),
        lambda container: put_document(container.control, "audit", DAY, {}),
    ],
}


@pytest.fixture
async def own(clean_stores: Stack) -> AsyncIterator[Container]:
    """A container of the test's own, whose connections break."""
    container = Container(read_settings())
    yield container
    await container.close()


@pytest.mark.parametrize("store", USES)
async def test_a_dead_store_is_told_in_time_and_served_again_when_it_is_back(
    clean_stores: Stack, own: Container, store: str
) -> None:
    await USES[store][0](own)
    clean_stores.kill(store)

    try:
        for use in USES[store]:
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await use(own)
            assert time.monotonic() - began < PATIENCE_SECONDS
    finally:
        clean_stores.start(store)

    for use in USES[store]:
        await use(own)


@pytest.mark.parametrize("store", ["redis", "cosmos"])
async def test_a_store_that_hangs_is_told_in_time(
    clean_stores: Stack, own: Container, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosmos, "CALL_SECONDS", 1.0)  # 20 s are not waited for in every run
    use = USES[store][0]
    await use(own)
    clean_stores.pause(store)

    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(StoreUnavailable):
                await use(own)
    finally:
        clean_stores.resume(store)

    await use(own)


async def test_events_are_acknowledged_in_time_though_cosmos_hangs(clean_stores: Stack, own: Container) -> None:
    time = datetime.now(UTC).isoformat()
    clean_stores.pause("cosmos")

    try:
        async with asyncio.timeout(10):
            first = await own.ingest.ingest_in_time([usage_event(time=time)], datetime.now(UTC), emitter=EVENT_GRID)
        async with asyncio.timeout(2.5):  # the hang is remembered, and no batch waits for it again
            second = await own.ingest.ingest_in_time([usage_event(time=time)], datetime.now(UTC), emitter=EVENT_GRID)
    finally:
        clean_stores.resume("cosmos")

    assert (first.accepted, second.accepted) == (1, 1)
    assert await own.ledger.extent(TODAY)


async def test_a_redis_without_room_sends_events_back_and_nothing_is_lost(clean_stores: Stack, own: Container) -> None:
    """`noeviction`: a full Redis refuses what would make it larger."""
    time = datetime.now(UTC).isoformat()
    event = usage_event(id="no-room", time=time)
    await own.ingest.ingest_in_time([usage_event(time=time)], datetime.now(UTC), emitter=EVENT_GRID)
    async with Redis.from_url(clean_stores.env["REDIS_SERVER_URL"]) as redis:
        room = (await redis.config_get("maxmemory"))["maxmemory"]
        await redis.config_set("maxmemory", 1)
        try:
            with pytest.raises(StoreUnavailable, match="maxmemory"):
                await own.ingest.ingest_in_time([event], datetime.now(UTC), emitter=EVENT_GRID)
        finally:
            await redis.config_set("maxmemory", room)
        again = await own.ingest.ingest_in_time([event], datetime.now(UTC), emitter=EVENT_GRID)

    assert room == "536870912"  # nobody's Redis is without an end
    assert (again.accepted, again.duplicate) == (1, 0)
    assert [block.count(b"no-room") async for block in own.ledger.blocks(TODAY)] == [0, 1, 1]
