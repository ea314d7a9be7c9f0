"""What the local stack can do: the functions host with empty functions, and the Cosmos DB emulator.

Run as `.venv/bin/python -m benchmarks.stack_rates`.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chargeback.domain.events.event_types import EventType

EVENT = {
    "specversion": "1.0",
    "id": "3f0c1f6e-7f0e-4c9e-9d62-0a8f5b1c2d3e",
    "source": "/apim/contoso/westeurope",
    "type": EventType.RECORDED,
    "time": "2025-06-01T12:00:00Z",
    "data": {"operation": "chat.completions", "model": "gpt-4o-2024-08-06", "filler": "x" * 700},
}


async def rate(work: Callable[[int], Awaitable[Any]], total: int, at_once: int) -> float:
    """Return how many times a second `work` was done, `at_once` of them at a time."""
    numbers = iter(range(total))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return total / (time.perf_counter() - begin)


async def measure_host(url: str) -> None:
    """Print requests a second of the functions host, over keep-alive connections."""
    import aiohttp

    headers = {"aeg-event-type": "Notification"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64), headers=headers) as session:

        def post(path: str, body: bytes) -> Callable[[int], Awaitable[None]]:
            async def one(_number: int) -> None:
                async with session.post(url + path, data=body) as answer:
                    assert answer.status in {200, 202}, answer.status

            return one

        hook = "/runtime/webhooks/EventGrid?functionName="
        single, batch = json.dumps(EVENT).encode(), json.dumps([EVENT] * 100).encode()
        cases = [
            ("Event Grid, one event, async function", f"{hook}ingest_usage", single, 8000, 1),
            ("Event Grid, one event, function in a thread", f"{hook}ingest_in_a_thread", single, 8000, 1),
            ("Event Grid, 100 events in a request", f"{hook}ingest_usage", batch, 150, 100),
            ("HTTP function", "/api/nothing", single, 12000, 1),
        ]
        for title, path, body, total, weight in cases:
            await rate(post(path, body), total // 10, 32)
            print(f"{title:50} {weight * await rate(post(path, body), total, 32):8.0f} /s")


async def measure_cosmos(url: str) -> None:
    """Print documents a second of the Cosmos DB emulator."""
    from azure.cosmos.aio import CosmosClient
    from azure.identity.aio import DefaultAzureCredential

    def document(number: int) -> dict[str, Any]:
        return {"id": f"line-{number}", "day": "2025-06-01", "filler": "x" * 700}

    async with DefaultAzureCredential() as credential, CosmosClient(url, credential) as client:
        usage = client.get_database_client("chargeback").get_container_client("usage")

        async def batch(number: int) -> None:
            upserts = [("upsert", (document(100 * number + n),)) for n in range(100)]
            await usage.execute_item_batch(upserts, partition_key="2025-06-01")

        await rate(lambda n: usage.upsert_item(document(n)), 200, 32)
        for title, work, total, at_once, weight in [
            ("Cosmos upsert, 32 at once", lambda n: usage.upsert_item(document(n)), 3000, 32, 1),
            ("Cosmos upsert in batches of 100, 4 at once", batch, 200, 4, 100),
            (
                "Cosmos point read, 32 at once",
                lambda n: usage.read_item(f"line-{n}", "2025-06-01"),
                3000,
                32,
                1,
            ),
        ]:
            print(f"{title:50} {weight * await rate(work, total, at_once):8.0f} /s")
        begin = time.perf_counter()
        pages = usage.query_items("SELECT * FROM c", partition_key="2025-06-01", max_item_count=1000)
        rows = [row async for row in pages]
        speed = len(rows) / (time.perf_counter() - begin)
        print(f"{'Cosmos read of one partition by pages of 1000':50} {speed:8.0f} /s")


def main() -> None:
    """Start what is measured, measure it, stop it."""
    from stack.services import STORES
    from stack.stack import Stack

    app = Path(__file__).parent / "empty_app"
    with Stack(services=[*STORES, "functions"], app=app) as stack:
        os.environ.update(stack.env)
        import uvloop

        uvloop.run(measure_host(stack.url("functions")))
        uvloop.run(measure_cosmos(stack.url("cosmos")))


if __name__ == "__main__":
    main()
