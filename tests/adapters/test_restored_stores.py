"""The next posting sets the books right over the real stores, whatever Redis or Cosmos DB lost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.events.usage_event import UsageEvent
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.counter import EstimateSpend
from chargeback.services.usage import recount as recounting
from stack.clear import clear_redis, clear_stores
from stack.stack import Stack
from tests.support.builders import tokens, usage_event
from tests.support.waiting import all_pending

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
    database = container.cosmos.get_database_client(container.settings.cosmos_database)
    stores = ((database.get_container_client("usage"), "day"), (database.get_container_client("control"), "kind"))
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


def told(id: str, **arguments: Any) -> bytes:
    return usage_event(**({"id": id, "time": f"{DAY}T00:00:00Z"} | arguments))


async def states(container: Container) -> dict[tuple[str, str], int]:
    """(user, state) → requests in the books."""
    sums: dict[tuple[str, str], int] = {}
    async for page in container.books.records(DAY):
        for record in page:
            requests = sum(quantities.get(Meter.REQUESTS, 0) for quantities in record.hours.values())
            sums[record.line.user, record.line.state] = requests
    return {name: requests for name, requests in sums.items() if requests}


async def test_a_recovery_and_the_call_s_own_late_event_are_one_call_that_waits_for_its_tokens(
    stack: Stack, container: Container
) -> None:
    clear_stores(stack)
    recovered = told("lost/settled", type="settled", usage=tokens(50, 5), usageSource="gateway-log-alone")
    await container.ingest.ingest([recovered], NOW)
    await container.poster.post(NOW)
    alone = await states(container)

    await container.ingest.ingest([told("lost", type="pending", stream=True, username="ann")], NOW)
    await container.poster.post(NOW)
    waiting, kept = await states(container), await all_pending(container.counter, DAY)
    clear_redis(stack.url("redis"))
    await container.poster.post(NOW)
    again = await states(container), await all_pending(container.counter, DAY)
    done = told("lost/settled", type="settled", stream=True, username="ann", usage=tokens(60, 6))
    await container.ingest.ingest([done], NOW)
    await container.poster.post(NOW)

    assert alone == {("", "settled"): 1}
    assert waiting == {("ann", "unsettled"): 1}
    assert len(kept) == 1
    assert again == (waiting, kept)
    assert await states(container) == {("ann", "settled"): 1}
    assert (await container.auditor.audit_day(DAY, NOW)).drift_lines == 0


async def test_a_flush_during_a_replay_bills_no_call_twice(
    stack: Stack, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_stores(stack)
    response = {"operation": "responses", "responseId": "r", "username": "ann"}
    fetched = [told(f"get-{n}", type="settled", method="GET", usage=tokens(9, 1), **response) for n in range(2)]
    beside = told("own", source="/beside", gatewayEventId="get-1", gatewayEventSource="/apim/gw/swedencentral")
    events = [told("made", type="pending", **response), *fetched, beside, *calls(0, 4)]
    for each in events:
        await container.ledger.append(DAY, [each])
    count, times = container.counter.count, 0

    async def flushed(day: str, given: Sequence[UsageEvent], estimate: EstimateSpend) -> Sequence[bool]:
        nonlocal times
        times += 1
        flags = await count(day, given, estimate)
        if times == 3:
            clear_redis(stack.url("redis"))
        return flags

    monkeypatch.setattr(recounting, "PIECE_BYTES", 500)
    monkeypatch.setattr(container.counter, "count", flushed)
    for _ in range(2):
        await container.poster.post(NOW)

    assert times > 3
    assert await states(container) == {("ann", "exact"): 1} | {(f"user-{n}", "exact"): 1 for n in range(4)}
    assert (await container.auditor.audit_day(DAY, NOW)).drift_lines == 0
