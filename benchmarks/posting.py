"""Posting, beside the rate at which the same client upserts the same records with nothing else to do.

Also what a posting costs in request units, by the documented charges: reading the day again is most of it where little
changed.

`.venv/bin/python -m benchmarks.posting` starts its own stack on loopback and ends it.
"""

import asyncio
import json
import os
import random
import time
from datetime import UTC, datetime
from statistics import median

from benchmarks.synthetic import event
from chargeback.bootstrap import Container, open_container
from chargeback.domain.time.days import UtcDay, shifted, utc_day
from chargeback.process import prepare_process
from chargeback.services.usage.post_shards import RECORDS_PER_WRITE, by_shard
from chargeback.settings import read_settings
from stack.clear import clear_stores
from stack.provision import call
from stack.stack import Stack

LINES, ROUNDS = 5_000, 5


async def run(stack: Stack) -> None:
    """Print the rates of each round and their medians."""
    ratios, rates, cpu = [], [], []
    now = datetime.now(UTC)
    day = shifted(utc_day(now), -1)
    for number in range(ROUNDS):
        clear_stores(stack)
        async with open_container(read_settings()) as container:
            rng = random.Random(number)
            raw = [event(each, rng, lines=LINES * 3, day=day) for each in range(LINES)]
            for first in range(0, LINES, 1_000):
                await container.ingest.ingest(raw[first : first + 1_000], now)
            # The first posting of a day counts its ledger again; what is measured is the second one.
            in_force = await container.catalogues.in_force()
            await container.poster.post_day(day, in_force, now)
            await container.counter.touch(day)
            start, before = time.perf_counter(), time.process_time()
            posted = await container.poster.post_day(day, in_force, now)
            rates.append(posted.records / (time.perf_counter() - start))
            own = (time.process_time() - before) / posted.records
            alone, of_upserts = await upserts_alone(container, day)
        ratios.append(rates[-1] / alone)
        cpu.append((own * 1e6, of_upserts * 1e6))
        print(f"round {number + 1}: {posted.records} records, posting {rates[-1]:,.0f}/s, upserts alone {alone:,.0f}/s")
    print(f"median: posting {median(rates):,.0f} records/s, {median(ratios):.2f} of the upserts alone")
    own, of_upserts = map(median, zip(*cpu, strict=True))
    print(f"CPU of this process a record: posting {own:.0f} µs, upserts alone {of_upserts:.0f} µs")
    await print_charges(stack, day, now)


async def print_charges(stack: Stack, day: UtcDay, now: datetime) -> None:
    """Print what postings of the last round's day cost, with every line changed, with one, and with none."""
    url = f"{stack.url('cosmos')}/_charges"
    async with open_container(read_settings()) as container:
        in_force = await container.catalogues.in_force()
        for changed in ("every line", "one line", "no line"):
            if changed == "every line":
                await container.counter.touch(day)
            elif changed == "one line":
                await container.ingest.ingest([event(10**9, random.Random(0), lines=1, day=day)], now)
            call(stack.site, "DELETE", url)
            posted = await container.poster.post_day(day, in_force, now)
            spent = json.loads(call(stack.site, "GET", url))
            reads = spent["read"] + spent["query"]
            print(
                f"{changed} changed: {posted.records} records, {reads:,.0f} RU to read, {spent['write']:,.0f} to write"
            )


async def upserts_alone(container: Container, day: UtcDay) -> tuple[float, float]:
    """The same records again, in the same batches and as many at a time, ready before the clock starts.

    Returns records a second, and the CPU seconds of this process a record.
    """
    records = [record async for page in container.books.records(day) for record in page]
    fences = await container.books.postings(day)
    grouped = by_shard(records, container.books.shards)

    async def write(shard: int) -> None:
        fence, mine = fences[shard], grouped[shard]
        for first in range(0, len(mine), RECORDS_PER_WRITE):
            some = mine[first : first + RECORDS_PER_WRITE]
            fence = await container.books.write(day, shard, fence, (fence.epoch, fence.catalogue), some)

    start, before = time.perf_counter(), time.process_time()
    await asyncio.gather(*(write(shard) for shard in fences))
    return len(records) / (time.perf_counter() - start), (time.process_time() - before) / len(records)


def main() -> None:
    prepare_process()
    with Stack() as stack:
        os.environ.update(stack.env)
        asyncio.run(run(stack))


if __name__ == "__main__":
    main()
