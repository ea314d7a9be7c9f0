"""The doors through the Functions host: batches over HTTP, and single events beside an empty function.

`.venv/bin/python -m benchmarks.functions` starts its own stack on loopback and ends it.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from benchmarks.stack_rates import rate
from benchmarks.synthetic import event
from stack.site import ROOT
from stack.stack import Stack

DAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
BATCH, BATCHES, SINGLES, ROUNDS = 1_000, 20, 6_000, 5
NOTIFICATION = {"aeg-event-type": "Notification"}
HOOK = "/runtime/webhooks/EventGrid?functionName=ingest_usage"


def events(first: int, count: int) -> list[bytes]:
    """Events that were never sent before, of a hundred lines."""
    rng = random.Random(first)
    return [event(first + number, rng, lines=100, day=DAY) for number in range(count)]


async def measure(host: str, empty: str, key: str) -> None:
    """Print the rates of each round and their medians."""
    batch, single, nothing = [], [], []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256), headers=NOTIFICATION) as session:

        def post(url: str, bodies: list[bytes], **more: Any) -> Callable[[int], Awaitable[None]]:
            async def one(number: int) -> None:
                async with session.post(url, data=bodies[number], **more) as answer:
                    assert answer.status in {200, 202}, await answer.text()

            return one

        # Both apps import their libraries with the first events, which is not what is measured.
        warm = events(1, 1_000)
        for url in (host, empty):
            await rate(post(url + HOOK, warm), len(warm), 64)
        for number in range(ROUNDS):
            first = (number + 1) * 10_000_000
            raw = events(first, BATCH * BATCHES)
            bodies = [b"[" + b",".join(raw[at : at + BATCH]) + b"]" for at in range(0, len(raw), BATCH)]
            door = post(f"{host}/api/v1/events", bodies, headers={"x-events-key": key})
            batch.append(BATCH * await rate(door, BATCHES, 4))
            raw = events(first + 5_000_000, SINGLES)
            single.append(await rate(post(host + HOOK, raw), SINGLES, 256))
            nothing.append(await rate(post(empty + HOOK, raw), SINGLES, 256))
            print(
                f"round {number + 1}: HTTP batches {batch[-1]:,.0f} events/s; single events {single[-1]:,.0f}/s,"
                f" empty function {nothing[-1]:,.0f}/s"
            )
    share = median(one / none for one, none in zip(single, nothing, strict=True))
    print(f"median: HTTP batches {median(batch):,.0f} events/s; single events {share:.2f} of an empty function's rate")


def measure_import() -> None:
    """Print how long the app takes to import, without Python's own start."""

    def seconds(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        return time.perf_counter() - start

    took = [seconds("import function_app") - seconds("pass") for _ in range(ROUNDS)]
    print(f"median: import function_app {median(took):.2f} s")


def main() -> None:
    with (
        Stack(services=["redis", "identity", "blob", "cosmos", "functions"]) as stack,
        Stack(services=["functions"], beside=stack, app=Path(__file__).parent / "empty_app") as empty,
    ):
        os.environ.update(stack.env)
        asyncio.run(measure(stack.url("functions"), empty.url("functions"), stack.env["EVENTS_KEY"]))
        measure_import()


if __name__ == "__main__":
    main()
