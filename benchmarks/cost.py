"""What a million calls cost on Azure, by part and deployment profile, from what they take here and from list prices.

`.venv/bin/python -m benchmarks.cost` starts its own stack on loopback, measures, and ends it. The prices are those of
`benchmarks/azure_prices.yaml`, with their dates and sources; `benchmarks/cost_model.py` says how they are multiplied.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import time
from datetime import UTC, datetime
from statistics import median
from typing import cast

import psutil
from redis import Redis

from benchmarks.cost_model import Cost, Measured, Traffic, costs, load_prices, load_profiles, most_calls_in_redis
from benchmarks.publish import PERIOD, CountingReports, GeneratedBooks
from benchmarks.stack_rates import rate
from benchmarks.synthetic import event
from chargeback.bootstrap import Container, open_container
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import UtcDay, shifted, utc_day
from chargeback.process import prepare_process
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.period_inputs import PeriodInputs
from chargeback.services.publishing.publish import publish
from chargeback.services.statements.write_statements import write_statements
from chargeback.services.workbook.write_workbook import write_workbook
from chargeback.settings import read_settings
from stack.provision import call
from stack.stack import Stack

VOLUMES = (1_000_000, 10_000_000, 100_000_000)
ALONE, SINGLES, TOGETHER, BATCH, AT_ONCE = 50, 5_000, 10_000, 500, 256


class Numbers:
    """Events that were never sent before."""

    def __init__(self, day: UtcDay, lines: int) -> None:
        self._day, self._lines, self._next, self._rng = day, lines, 1, random.Random(1)

    def take(self, count: int) -> list[bytes]:
        """So many more events."""
        first, self._next = self._next, self._next + count
        return [event(number, self._rng, lines=self._lines, day=self._day) for number in range(first, self._next)]


async def processor_time(stack: Stack, numbers: Numbers) -> float:
    """Seconds of the app's processor time for an event that the trigger takes, many at a time."""
    import aiohttp  # not before the environment says which certificates to trust

    from benchmarks.functions import HOOK, NOTIFICATION, processor_seconds

    url, app = stack.url("functions") + HOOK, psutil.Process(stack.pid("functions"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE), headers=NOTIFICATION) as session:

        async def send(bodies: list[bytes]) -> None:
            async def one(number: int) -> None:
                async with session.post(url, data=bodies[number]) as answer:
                    assert answer.status == 202, await answer.text()

            await rate(one, len(bodies), AT_ONCE)

        await send(numbers.take(500))  # imports the libraries
        bodies, before = numbers.take(SINGLES), processor_seconds(app)
        await send(bodies)
    return (processor_seconds(app) - before) / SINGLES


async def ledger_bytes(
    container: Container, numbers: Numbers, day: UtcDay, size: int, count: int
) -> tuple[float, float]:
    """Bytes in the ledger for an event, and seconds for a commit, in commits of `size` events."""
    before, took = sum((await container.ledger.extent(day)).values()), []
    for _ in range(count // size):
        events, start = numbers.take(size), time.perf_counter()
        await container.ingest.ingest(events, datetime.now(UTC))
        took.append(time.perf_counter() - start)
    after = sum((await container.ledger.extent(day)).values())
    return (after - before) / count, median(took)


async def request_units(stack: Stack, container: Container, numbers: Numbers, day: UtcDay) -> tuple[float, float]:
    """Request units to write a record, and those that a posting reads when little has changed."""
    url, now = f"{stack.url('cosmos')}/_charges", datetime.now(UTC)
    in_force = await container.catalogues.in_force()
    await container.poster.post_day(day, in_force, now)

    async def posted() -> tuple[int, dict[str, float]]:
        call(stack.site, "DELETE", url)
        records = (await container.poster.post_day(day, in_force, now)).records
        return records, json.loads(call(stack.site, "GET", url))

    await container.counter.touch(day)
    all_records, all_units = await posted()
    await container.ingest.ingest(numbers.take(1), now)
    _, few_units = await posted()
    return all_units["write"] / all_records, few_units["read"] + few_units["query"]


class CountedReports(CountingReports):
    """Reports that keep nothing but how many they are."""

    files = 0

    def create(self, *names: str):  # type: ignore[no-untyped-def]
        self.files += 1
        return super().create(*names)


async def publishing(records: int) -> tuple[float, int]:
    """Seconds of processor time to write every file, for a record, and how many files those are."""
    books, reports, this = GeneratedBooks(records), CountedReports(), psutil.Process()
    inputs = PeriodInputs(PERIOD, Catalogue("USD", {}, {}, Allocation((), ())), Terms(), 6)
    before = this.cpu_times()
    writers = (write_focus, write_workbook, write_statements)
    await publish(inputs, books, cast("Reports", reports), writers=writers)
    after = this.cpu_times()
    mine = after.user + after.system - before.user - before.system - books.spent
    children = after.children_user + after.children_system - before.children_user - before.children_system
    return (mine + children) / books.records, reports.files


class LoggedBytes(logging.Handler):
    """Adds up the log lines of the product."""

    total = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line."""
        self.total += len(record.getMessage().encode())


async def measure(stack: Stack, lines: int) -> Measured:
    """Everything that the model asks for."""
    day = shifted(utc_day(datetime.now(UTC)), -1)
    numbers, logged = Numbers(day, lines), LoggedBytes()
    logging.getLogger("chargeback").addHandler(logged)
    cpu = await processor_time(stack, numbers)
    async with open_container(read_settings()) as container:
        await ledger_bytes(container, numbers, day, BATCH, TOGETHER)
        redis, logged.total = Redis.from_url(os.environ["CHARGEBACK_REDIS_URL"]), 0
        alone, seconds = await ledger_bytes(container, numbers, day, 1, ALONE)
        logged_bytes, memory = logged.total / ALONE, redis.info("memory")["used_memory"]
        together, _ = await ledger_bytes(container, numbers, day, BATCH, TOGETHER)
        call_bytes = (redis.info("memory")["used_memory"] - memory) / TOGETHER
        write, read = await request_units(stack, container, numbers, day)
    publish_seconds, files = await publishing(lines * 30)
    return Measured(cpu, seconds, alone, together, call_bytes, logged_bytes, write, read, publish_seconds, files)


def report(measured: Measured, lines: int) -> None:
    """Print what was measured, the prices, and what follows for each profile."""
    for name in Measured.__slots__:
        print(f"{name:24} {getattr(measured, name):12.6g}")
    prices, entries = load_prices()
    for key, entry in entries.items():
        known = f"{entry['price']} per {entry.get('per')} ({entry.get('observed')}, {entry.get('region')})"
        print(f"{key:42} {known if entry['price'] is not None else 'no price: ' + entry['why']}")
    for name, profile in load_profiles().items():
        room = most_calls_in_redis(profile, measured)
        idle = _together(costs(profile, Traffic(1, lines), measured, prices))
        print(f"\n{name}: {idle} a month without a call; Redis has room for {room / 1e6:,.0f} million calls")
        for calls in VOLUMES:
            if calls > room:
                continue
            found = costs(profile, Traffic(calls, lines), measured, prices)
            million = {part: cost and cost / calls * 1e6 for part, cost in found.items()}
            parts = ", ".join(f"{part} {_dollars(cost)}" for part, cost in million.items())
            print(f"  {calls / 1e6:4.0f} million a month, each million: {_together(million)} ({parts})")


def _dollars(cost: Cost) -> str:
    return "no price" if cost is None else f"{cost:.2f}"


def _together(million: dict[str, Cost]) -> str:
    unknown = [part for part, cost in million.items() if cost is None]
    known = f"{sum(cost for cost in million.values() if cost is not None):.2f} USD"
    return f"{known} without {' and '.join(unknown)}" if unknown else known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200, help="lines that the calls of a day fall on")
    lines = parser.parse_args().lines
    prepare_process()
    with Stack(services=["redis", "identity", "blob", "cosmos", "functions"]) as stack:
        os.environ.update(stack.env)
        measured = asyncio.run(measure(stack, lines))
    report(measured, lines)


if __name__ == "__main__":
    main()
