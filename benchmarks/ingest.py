"""Batch ingest from received bytes to acknowledged, beside the raw limit of the same Lua call from Python, and memory.

`.venv/bin/python -m benchmarks.ingest` starts its own Redis and Azurite on loopback and ends them.
With `--parts` it tells what processor time each step takes of an event instead, in this process alone.
"""

import argparse
import asyncio
import os
import random
import time
from datetime import UTC, datetime, timedelta
from statistics import median

from redis.asyncio import Redis

from benchmarks.synthetic import event
from chargeback.bootstrap import Container, open_container
from chargeback.domain.events.admission import admit
from chargeback.domain.events.documents import read_document
from chargeback.domain.events.emitters import OURSELVES
from chargeback.domain.events.usage_event import EVER, read_event, split_batch
from chargeback.domain.time.days import UtcDay
from chargeback.process import prepare_process
from chargeback.services.usage.estimate_spend import SpendEstimator
from chargeback.settings import read_settings
from stack.stack import Stack

LINES = 100
BATCH = 1_000
CONCURRENT = 4
_WARM_UP = 1_000_000
"""A series far beyond those that are measured, so that no call is the same."""


async def run(events: int, rounds: int) -> None:
    """Measure, round by round, the whole door and the Lua call alone, on the same events; then what Redis holds."""
    now = datetime.now(UTC)
    async with open_container(read_settings()) as container:
        await ingest(container, batches(BATCH, now, _WARM_UP), now)  # what a day has once, such as its lines
        empty = await redis_bytes()
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
        calls = 2 * rounds * events
        print(f"Redis: {(await redis_bytes() - empty) / calls:.1f} bytes a call, after {calls:,} calls of one day")


async def parts(events: int, rounds: int) -> None:
    """Tell the median processor time of each step, for the same events step after step."""
    now = datetime.now(UTC)
    found: dict[str, list[float]] = {}
    async with open_container(read_settings()) as container:
        await ingest(container, batches(BATCH, now, _WARM_UP), now)
        for number in range(rounds):
            for name, spent in (await _steps(container, batches(events, now, number), now)).items():
                found.setdefault(name, []).append(spent / events * 1e6)
            bodies = batches(events, now, rounds + number)
            begun = time.process_time()
            await ingest(container, bodies, now)
            found.setdefault("the whole door", []).append((time.process_time() - begun) / events * 1e6)
    for name, some in found.items():
        print(f"{name}: {median(some):.1f} µs an event")


async def _steps(container: Container, bodies: list[bytes], now: datetime) -> dict[str, float]:
    """Seconds of processor time for all events together."""
    estimator = SpendEstimator(await container.catalogues.in_force(), (await container.catalogues.terms()).watched)
    day = (now - timedelta(days=1)).date().isoformat()
    spent: dict[str, float] = {}
    last = time.process_time()

    def told(name: str) -> None:
        nonlocal last
        spent[name] = time.process_time() - last
        last = time.process_time()

    raw = [split_batch(body) for body in bodies]
    told("splitting the batch")
    read = [[read_document(each) for each in batch] for batch in raw]
    told("parsing the JSON into a checked document")
    del read
    last = time.process_time()
    ready = [[admit(each, EVER, OURSELVES) for each in batch] for batch in raw]
    told("admission, which begins with that parsing")
    for batch in ready:
        await container.ledger.append(UtcDay(day), [each.raw for each in batch])
    told("ledger: frame and client")
    for batch in ready:
        for each in batch:
            estimator.estimate(each)
    told("weighing for budgets")
    for batch in ready:
        await container.counter.count(UtcDay(day), batch, estimator.estimate)
    told("counting: weighing, packing, client of Redis")
    return spent


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


async def redis_bytes() -> int:
    """The memory that Redis uses."""
    async with Redis.from_url(os.environ["CHARGEBACK_REDIS_URL"]) as client:
        return int((await client.info("memory"))["used_memory"])


async def timed(work: object) -> float:
    start = time.perf_counter()
    await work  # type: ignore[misc]
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", action="store_true", help="the processor time of each step instead")
    arguments = parser.parse_args()
    prepare_process()
    with Stack(services=["redis", "blob", "cosmos", "identity"]) as stack:
        os.environ.update(stack.env)
        asyncio.run((parts if arguments.parts else run)(arguments.events, arguments.rounds))


if __name__ == "__main__":
    main()
