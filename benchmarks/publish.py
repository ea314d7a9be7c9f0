"""How fast a month is published: `python -m benchmarks.publish [ROWS…]` (each size in a process of its own)."""

import asyncio
import random
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace

from chargeback.domain.lines import Line
from chargeback.domain.meters import Meter
from chargeback.domain.money import cost
from chargeback.domain.records import ChargeRow, Part, UsageRecord
from chargeback.services.publish import publish

DAYS = [f"2026-03-{day:02}" for day in range(1, 32)]
METERS = (Meter.INPUT, Meter.CACHED_INPUT, Meter.OUTPUT, Meter.REQUESTS)


class GeneratedBooks:
    """A month of records, made page by page; `spent` is the time that making them took."""

    def __init__(self, rows: int) -> None:
        self._per_day = max(1, rows // (len(DAYS) * len(METERS)))
        self.spent = 0.0

    async def records(self, day: str) -> AsyncIterator[Sequence[UsageRecord]]:
        rng = random.Random(day)
        for start in range(0, self._per_day, 1000):
            begun = time.perf_counter()
            page = [_record(day, number, rng) for number in range(start, min(start + 1000, self._per_day))]
            self.spent += time.perf_counter() - begun
            yield page


def _record(day: str, number: int, rng: random.Random) -> UsageRecord:
    line = Line(
        f"team-{number:06}", "standard", "", "2f3c8a54-6f5e-4c26-8a6b-0d0f7a3f5b11", f"app-{number:06}", "",
        f"user{number % 97}@example.com", "Example Company", f"BC-{number % 50:03}", "chat.completions", "azure-openai",
        "gpt-4o-2024-11-20", "gpt-4o", "aoai-swedencentral-01.openai.azure.com", "default", "", "exact",
    )  # fmt: skip
    charges = []
    for meter in METERS:
        quantity, price = rng.randrange(1, 10**7), Decimal("2.625")
        if meter is Meter.REQUESTS:
            charges.append(ChargeRow(meter, quantity, "exact", None, None, None, "", Decimal(0)))
        else:
            price_id = f"azure-openai/gpt-4o/any/GlobalStandard/default/{meter}@2024-11-20T00Z"
            charges.append(ChargeRow(meter, quantity, "exact", price, price, price, price_id, cost(quantity, price)))
    return UsageRecord(
        day,
        line,
        {},
        "USD",
        "GlobalStandard",
        "swedencentral",
        (Part(day, f"company/unit-{number % 40:02}", "by-subscription", tuple(charges)),),
    )


class CountingReports:
    """Reports that keep nothing but their size."""

    bytes = 0

    @asynccontextmanager
    async def create(self, path: str, content_type: str) -> AsyncIterator["CountingReports"]:  # noqa: ARG002
        yield self

    async def write(self, data: bytes) -> None:
        self.bytes += len(data)


def measure(rows: int) -> None:
    books, reports = GeneratedBooks(rows), CountingReports()
    start = time.perf_counter()
    manifest = asyncio.run(
        publish("2026-03", books, reports, days=DAYS, catalogue=SimpleNamespace(digest="0" * 64, currency="USD"))
    )
    seconds = time.perf_counter() - start
    written, net = manifest.files[0].rows, seconds - books.spent
    print(
        f"{written:>9,} rows, {reports.bytes / 1e6:7.1f} MB: {seconds:6.2f} s, of it {books.spent:.2f} s to make the records;"
        f" {written / net:,.0f} rows/s ({written / seconds:,.0f} with making them),"
        f" peak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB",
        flush=True,
    )


if __name__ == "__main__":
    sizes = sys.argv[1:] or ["10000", "100000", "1000000"]
    if len(sizes) == 1:
        measure(int(sizes[0]))
    else:
        for size in sizes:
            subprocess.run([sys.executable, "-m", "benchmarks.publish", size], check=True)
