"""How fast a month is published: `python -m benchmarks.publish [--all] [RECORDS…]` (each size in its own process).

With --all every file is written: FOCUS, workbook and statements, too.

The records are those of a month of March: every day has the same lines (a subscription, an application and a user
each), so a month of 5 million records has 161 000 of them, spread over 2 000 cost centres; a record has 3 or 4
charges at 3 prices. They are made as the stored documents, page by page; making them is not counted.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, cast

import psutil

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month, dates_of
from chargeback.domain.usage.lines import Line, line_id
from chargeback.domain.usage.states import LineState
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.ports.books import Books
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.period_inputs import PeriodInputs
from chargeback.services.publishing.publish import Writer, publish
from chargeback.services.statements.write_statements import write_statements
from chargeback.services.workbook.write_workbook import write_workbook

PERIOD = Month("2026-03")
DAYS = dates_of(PERIOD)
CENTRES = 2_000
METERS = ("input_tokens", "cached_input_tokens", "output_tokens", "requests")
SIZES = ("10000", "100000", "1000000", "5000000")


class GeneratedBooks:
    """A month of documents, made page by page; `spent` is the time that making them took."""

    def __init__(self, records: int) -> None:
        self._per_day = max(1, round(records / len(DAYS)))
        self.records = self._per_day * len(DAYS)
        self.spent = 0.0

    async def documents(self, day: str) -> AsyncIterator[bytes]:
        rng = random.Random(day)
        for start in range(0, self._per_day, 1000):
            begun = time.perf_counter()
            numbers = range(start, min(start + 1000, self._per_day))
            page = "".join(_document(day, number, rng) for number in numbers).encode()
            self.spent += time.perf_counter() - begun
            yield page


_IDS: dict[int, str] = {}
"""All that is kept of a line, so that memory tells of publishing and not of this."""


def _document(day: str, number: int, rng: random.Random) -> str:
    if number not in _IDS:
        line = Line(
            f"team-{number % 4000:06}", "standard", "", "2f3c8a54-6f5e-4c26-8a6b-0d0f7a3f5b11",
            f"app-{number % 8000:06}", "", f"user{number}@example.com", "Example Company", f"BC-{number % 50:03}",
            "chat.completions", "azure-openai", "gpt-4o-2024-11-20", "gpt-4o",
            "aoai-swedencentral-01.openai.azure.com", "default", "", LineState.EXACT,
        )  # fmt: skip
        _IDS[number] = line_id.__wrapped__(line)
    charges = ",".join([_charge(meter, rng.randrange(1, 10**7)) for meter in METERS[number % 2 :]])
    return (
        f'{{"id":"{_IDS[number]}","day":"{day}","kind":"usage","line":{{"subscription":"team-{number % 4000:06}",'
        '"product":"standard","apim_user":"","tenant":"2f3c8a54-6f5e-4c26-8a6b-0d0f7a3f5b11",'
        f'"app":"app-{number % 8000:06}","user_object_id":"","user":"user{number}@example.com",'
        f'"company":"Example Company","billing_code":"BC-{number % 50:03}","operation":"chat.completions",'
        '"provider":"azure-openai","model":"gpt-4o-2024-11-20","deployment":"gpt-4o",'
        '"backend":"aoai-swedencentral-01.openai.azure.com","service_tier":"default","variant":"","state":"exact"},'
        f'{_HOURS}"currency":"USD","deploymentType":"GlobalStandard","region":"swedencentral","parts":[{{"date":"{day}",'
        f'"costCentre":"company/unit-{number % CENTRES:04}","rule":"by-subscription","charges":[{charges}]}}]}}\n'
    )


_HOURS = (
    '"hours":{' + ",".join(f'"{hour:02}":{{"input_tokens":1234567,"requests":1234}}' for hour in range(8, 16)) + "},"
)


def _charge(meter: str, quantity: int) -> str:
    if meter == "requests":
        return (
            f'{{"meter":"requests","quantity":{quantity},"state":"exact","priceId":"","perMillion":null,'
            '"listPerMillion":null,"contractedPerMillion":null,"cost":"0"}'
        )
    billions = quantity * 2625
    return (
        f'{{"meter":"{meter}","quantity":{quantity},"state":"exact",'
        f'"priceId":"azure-openai/gpt-4o/any/GlobalStandard/default/{meter}@2024-11-20T00Z","perMillion":"2.625",'
        '"listPerMillion":"2.75","contractedPerMillion":"2.5",'
        f'"cost":"{billions // 10**9}.{billions % 10**9:09}"}}'
    )


class CountingReports:
    """Reports that keep nothing but their size."""

    size = 0

    @asynccontextmanager
    async def create(self, *_: str) -> AsyncIterator["CountingReports"]:
        yield self

    async def write(self, data: bytes) -> None:
        self.size += len(data)


class Watch:
    """The most memory of this process with its children, and the most disk of a folder, looked at all the time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.memory = self.disk = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        this = psutil.Process()
        while not self._ended.wait(0.1):
            self.memory = max(self.memory, sum(_memory(each) for each in (this, *this.children(recursive=True))))
            self.disk = max(self.disk, sum(_sizes(self._folder)))


def _memory(process: psutil.Process) -> int:
    """The memory of a process; a page that processes share, such as a library's, counts with its part."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def _sizes(folder: Path) -> Iterator[int]:
    for path, _, names in os.walk(folder):  # passes over folders that vanish meanwhile
        for name in names:
            try:
                yield Path(path, name).stat().st_size
            except FileNotFoundError:
                continue


class Phases:
    """How long each thing that publishing reports took: until the last report of it, since that of the one before."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.seconds: dict[str, float] = defaultdict(float)

    def __call__(self, doing: str, _: int) -> None:
        now = time.perf_counter()
        self.seconds[doing] += now - self._last
        self._last = now


def measure(records: int, writers: Sequence[Writer]) -> None:
    books, reports, phases = GeneratedBooks(records), CountingReports(), Phases()
    inputs = PeriodInputs(PERIOD, Catalogue("USD", {}, {}, Allocation((), ())), Terms(), 6)
    with tempfile.TemporaryDirectory() as folder, Watch(Path(folder)) as watch:
        tempfile.tempdir = folder
        start = time.perf_counter()
        manifest = asyncio.run(
            publish(inputs, cast("Books", books), cast("Reports", reports), writers=writers, progress=phases)
        )
        seconds = time.perf_counter() - start
    reading = phases.seconds["reading"] - books.spent
    csv = reading + phases.seconds["settling"] + phases.seconds["writing"]
    print(
        f"{books.records:>9,} records, {manifest.files[0].rows:>10,} rows: CSVs {csv:6.2f} s = {books.records / csv:,.0f}"
        f" records/s (reading {reading:.2f}, settling {phases.seconds['settling']:.2f},"
        f" writing {phases.seconds['writing']:.2f}); {(csv / books.records) * 1e6:.1f} µs a record;"
        f" the rest {seconds - books.spent - csv:.2f} s; files {reports.size / 1e6:,.0f} MB;"
        f" peak memory {watch.memory >> 20} MB, peak disk {watch.disk >> 20} MB; making the records took {books.spent:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    flags = [each for each in sys.argv[1:] if each == "--all"]
    sizes = [each for each in sys.argv[1:] if each != "--all"] or SIZES
    if len(sizes) == 1:
        measure(int(sizes[0]), (write_focus, write_workbook, write_statements) if flags else ())
    else:
        for size in sizes:
            subprocess.run([sys.executable, "-m", "benchmarks.publish", *flags, size], check=True)
