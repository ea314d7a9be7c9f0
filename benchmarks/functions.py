"""The doors through the Functions host: batches over HTTP, and single events beside an empty function.

Also the processor time of the host for an event, which other programs on the machine disturb less than the rate.

`.venv/bin/python -m benchmarks.functions` starts its own stack on loopback and ends it.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import psutil

from benchmarks.stack_rates import rate
from benchmarks.synthetic import event
from stack.stack import Stack

DAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
BATCH, BATCHES, SINGLES, ROUNDS = 1_000, 20, 6_000, 5
NOTIFICATION = {"aeg-event-type": "Notification"}
HOOK = "/runtime/webhooks/EventGrid?functionName=ingest_usage"


def events(first: int, count: int) -> list[bytes]:
    """Events that were never sent before, of a hundred lines."""
    rng = random.Random(first)
    return [event(first + number, rng, lines=100, day=DAY) for number in range(count)]


def processor_seconds(host: psutil.Process) -> float:
    """What a host has used of the processor."""
    times = host.cpu_times()
    return float(times.user + times.system)


async def timed(send: Awaitable[float], host: psutil.Process) -> tuple[float, float]:
    """The rate at which single events were taken, and the seconds of processor time for one."""
    before = processor_seconds(host)
    taken = await send
    return taken, (processor_seconds(host) - before) / SINGLES


async def measure(stack: Stack, empty_stack: Stack) -> None:
    """Print the rates of each round and their medians."""
    host, empty = stack.url("functions"), empty_stack.url("functions")
    mine, other = (psutil.Process(each.pid("functions")) for each in (stack, empty_stack))
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
            door = post(f"{host}/api/v1/events", bodies, headers={"x-events-key": stack.env["CHARGEBACK_EVENTS_KEY"]})
            batch.append(BATCH * await rate(door, BATCHES, 4))
            raw = events(first + 5_000_000, SINGLES)
            single.append(await timed(rate(post(host + HOOK, raw), SINGLES, 256), mine))
            nothing.append(await timed(rate(post(empty + HOOK, raw), SINGLES, 256), other))
            print(
                f"round {number + 1}: HTTP batches {batch[-1]:,.0f} events/s; single events {single[-1][0]:,.0f}/s of"
                f" {single[-1][1] * 1e6:.0f} µs, empty function {nothing[-1][0]:,.0f}/s of {nothing[-1][1] * 1e6:.0f} µs"
            )
    share = median(one[0] / none[0] for one, none in zip(single, nothing, strict=True))
    work = median(one[1] / none[1] for one, none in zip(single, nothing, strict=True))
    print(
        f"median: HTTP batches {median(batch):,.0f} events/s; single events {share:.2f} of an empty function's rate,"
        f" {work:.2f} times its processor time"
    )


def main() -> None:
    with (
        Stack(services=["redis", "identity", "blob", "cosmos", "functions"]) as stack,
        Stack(services=["functions"], beside=stack, app=Path(__file__).parent / "empty_app") as empty,
    ):
        os.environ.update(stack.env)
        asyncio.run(measure(stack, empty))


if __name__ == "__main__":
    main()
