"""Batch ingest from received bytes to acknowledged, beside the raw limit of the same Lua call from Python.

`.venv/bin/python -m benchmarks.ingest` starts its own Redis and Azurite on loopback and ends them.
"""

import argparse
import asyncio
import os
import random
import time
from datetime import UTC, datetime, timedelta
from statistics import median

from benchmarks.synthetic import event
from chargeback.bootstrap import Container, open_container
from chargeback.domain.events.usage_event import EVER, read_event, split_batch
from chargeback.process import prepare_process
from chargeback.services.usage.estimate_spend import SpendEstimator
from chargeback.settings import read_settings
from stack.stack import Stack

LINES = 100
BATCH = 1_000
CONCURRENT = 4


async def run(events: int, rounds: int) -> None:
    """Measure, round by round, the whole door and the Lua call alone, on the same events."""
    now = datetime.now(UTC)
    async with open_container(read_settings()) as container:
        whole, raw = [], []
        for number in range(rounds):
            bodies = batches(events, now, 2 * number)
            whole.append(events / await timed(ingest(container, bodies, now)))
            raw.append(events / await lua_alone(container, batches(events, now, 2 * number + 1)))
            print(f"round {number + 1}: ingest {whole[-1]:,.0f} events/s, Lua call alone {raw[-1]:,.0f} events/s")
        print(
            f"median: ingest {median(whole):,.0f} events/s, Lua call alone {median(raw):,.0f} events/s,"
            f" ratio {median(w / r for w, r in zip(whole, raw, strict=True)):.2f}"
        )


def batches(events: int, now: datetime, series: int) -> list[bytes]:
    """Bodies of a thousand events of LINES lines, none seen before; all are from yesterday, so that no time is ahead."""
    rng, day = random.Random(series), (now - timedelta(days=1)).date().isoformat()
    raw = [event(series * events + number, rng, lines=LINES, day=day) for number in range(events)]
    return [b"[" + b",".join(raw[start : start + BATCH]) + b"]" for start in range(0, events, BATCH)]


async def ingest(container: Container, bodies: list[bytes], now: datetime) -> None:
    waiting = iter(bodies)

    async def sender() -> None:
        for body in waiting:
            outcome = await container.ingest.ingest(split_batch(body), now)
            assert outcome.accepted == BATCH, outcome

    await asyncio.gather(*(sender() for _ in range(CONCURRENT)))


async def lua_alone(container: Container, bodies: list[bytes]) -> float:
    terms = await container.catalogues.terms()
    estimator = SpendEstimator(await container.catalogues.in_force(), terms.watched)
    ready = [[read_event(raw, EVER) for raw in split_batch(body)] for body in bodies]

    async def count() -> None:
        for batch in ready:
            await container.counter.count(batch[0].day, batch, estimator.estimate)

    return await timed(count())


async def timed(work: object) -> float:
    start = time.perf_counter()
    await work  # type: ignore[misc]
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    prepare_process()
    with Stack(services=["redis", "blob", "cosmos", "identity"]) as stack:
        os.environ.update(stack.env)
        asyncio.run(run(arguments.events, arguments.rounds))


if __name__ == "__main__":
    main()
