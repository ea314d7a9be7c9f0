"""The next posting sets the books right over the real stores, whatever Redis or Cosmos DB lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargeback.bootstrap import Container
from scripts.local.clear import clear_redis, clear_stores
from scripts.local.stack import Stack
from tests.builders import tokens, usage_event

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

NOW = datetime.now(UTC)
DAY = NOW.date().isoformat()
OLD = (NOW - timedelta(days=30)).date().isoformat()


def calls(first: int, last: int) -> list[bytes]:
    """So many calls of 100 input tokens, each with a line of its own."""
    return [
        usage_event(id=f"real-{n}", time=f"{DAY}T00:00:00Z", usage=tokens(100, 0), username=f"user-{n}")
        for n in range(first, last)
    ]


async def booked(container: Container) -> int:
    total = 0
    async for page in container.books.records(DAY):
        for record in page:
            total += sum(quantities.get("input_tokens", 0) for quantities in record.hours.values())  # type: ignore[call-overload]
    return total


async def items(container: Container) -> list[tuple[Any, dict[str, Any]]]:
    """All that Cosmos DB holds of the books and of the runs of the posting."""
    stores = ((container.books._container, "day"), (container.control._container, "kind"))
    return [
        (store, {name: value for name, value in each.items() if name[0] != "_"})
        for store, key in stores
        async for each in store.read_all_items()
        if each[key] in (DAY, "posting-run")
    ]


async def restore(container: Container, kept: list[tuple[Any, dict[str, Any]]]) -> None:
    for store, item in await items(container):
        await store.delete_item(item["id"], partition_key=item.get("day") or item["kind"])
    for store, item in kept:
        await store.create_item(item)


@pytest.mark.parametrize(
    ("cosmos", "redis"), [("restored", "kept"), ("restored", "flushed before"), ("emptied", "flushed after")]
)
async def test_a_cosmos_of_an_earlier_point_is_right_after_the_next_posting(
    stack: Stack, container: Container, cosmos: str, redis: str
) -> None:
    clear_stores(stack)
    await container.ledger.append(OLD, [usage_event(id="old", time=f"{OLD}T00:00:00Z")])
    await container.ingest.ingest(calls(0, 4), NOW)
    await container.poster.post(NOW)
    kept = await items(container) if cosmos == "restored" else []
    if redis == "flushed before":
        clear_redis(stack.url("redis"))
    await container.ingest.ingest(calls(4, 8), NOW)
    await container.poster.post(NOW)
    if redis == "flushed after":
        clear_redis(stack.url("redis"))

    await restore(container, kept)
    await container.poster.post(NOW)

    assert await booked(container) == 800
    assert list(await container.ledger.marks()) == [OLD]
    audited = await container.auditor.audit_day(DAY, NOW)
    assert (audited.calls, audited.drift_lines) == (8, 0)


async def test_what_a_failover_of_redis_lost_is_in_the_books_after_the_next_posting(
    stack: Stack, container: Container
) -> None:
    clear_stores(stack)
    client = container.counter._client
    await container.ingest.ingest(calls(0, 4), NOW)
    await container.poster.post(NOW)
    dumps = {key: await client.dump(key) for key in await client.keys("*")}
    await container.ingest.ingest(calls(4, 7), NOW)

    await client.flushall()
    for key, dump in dumps.items():
        await client.restore(key, 0, dump)
    await container.ingest.ingest(calls(7, 8), NOW)
    await container.poster.post(NOW)

    assert await booked(container) == 800
