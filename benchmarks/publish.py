"""How fast a month is published: `python -m benchmarks.publish [--all] [--open] [--statements] [--within=MB] [RECORDS…]`.

Each size has its own process. With --all every file is written: FOCUS, workbook and statements, too.
With --within the temporary files lie on a file system of that size (Linux, in a namespace of its own): what takes more
fails.

The records are those of a month of March: every day has the same lines (a subscription, an application and a user
each), so a month of 5 million records has 161 000 of them, spread over 2 000 cost centres; a record has 3 or 4
charges at 3 prices. The days are settled: each is a file, which another process makes before the run.
With --statements it also tells what processor time each statement of the CSVs took; one runs after the other then.
With --open they are stored documents instead, page by page, as the books give days that are not settled yet.
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
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from operator import itemgetter
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any, BinaryIO, Self, cast
from unittest.mock import patch

import psutil

from benchmarks.settled_month import CENTRES, METERS
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Allocation
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month, dates_of
from chargeback.domain.usage.lines import Line, line_id
from chargeback.domain.usage.states import LineState
from chargeback.services.duck.engine import Engine
from chargeback.services.focus.write_focus import write_focus
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing import slices
from chargeback.services.publishing.period_inputs import PeriodInputs
from chargeback.services.publishing.publish import Writers, publish
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.pack import pack_records
from chargeback.services.statements.write_statements import write_statements
from chargeback.services.workbook.write_workbook import write_workbook

PERIOD = Month("2026-03")
DAYS = dates_of(PERIOD)
SIZES = ("10000", "100000", "1000000", "10000000")
_PLACE = "BENCHMARK_TEMPORARY_FOLDER"


class GeneratedBooks:
    """A month of days, settled where a folder for their files is given; `spent` is the time that making them took."""

    def __init__(self, records: int, settled_in: Path | None = None) -> None:
        self._per_day = max(1, round(records / len(DAYS)))
        self._settled_in = settled_in
        self.records = self._per_day * len(DAYS)
        self.spent = self.processor = 0.0
        if settled_in is not None:
            make = [sys.executable, "-m", "benchmarks.settled_month", str(settled_in), str(self._per_day), *DAYS]
            subprocess.run(make, check=True)

    @asynccontextmanager
    async def rows(self, day: str) -> AsyncIterator[Path]:
        if self._settled_in is not None:
            yield self._settled_in / f"{day}.parquet"
        else:
            with work_folder("settled") as name:
                file = Path(name, "records.parquet")
                await pack_records(UtcDay(day), self.documents(day), Path(name), file)
                yield file

    async def documents(self, day: str) -> AsyncIterator[bytes]:
        rng = random.Random(day)
        for start in range(0, self._per_day, 1000):
            begun = time.perf_counter(), time.process_time()
            numbers = range(start, min(start + 1000, self._per_day))
            page = "".join(_document(day, number, rng) for number in numbers).encode()
            self.spent += time.perf_counter() - begun[0]
            self.processor += time.process_time() - begun[1]
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
    """Reports that keep nothing of published files but their size; what a run keeps in them lies in a folder."""

    def __init__(self) -> None:
        self.size = 0
        self._kept = tempfile.TemporaryDirectory()

    @asynccontextmanager
    async def create(self, path: str, *_: str) -> AsyncIterator["CountingReports | BinaryReport"]:
        if not path.startswith("work/"):
            yield self
            return
        with self._file(path).open("wb") as file:
            yield BinaryReport(file)

    async def write(self, data: bytes) -> None:
        self.size += len(data)

    async def read(self, path: str) -> AsyncIterator[bytes]:
        with self._file(path).open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece

    async def remove(self, path: str) -> None:
        self._file(path).unlink()

    def _file(self, path: str) -> Path:
        return Path(self._kept.name, path.replace("/", "-"))


@dataclass
class BinaryReport:
    """A file that is written."""

    file: BinaryIO

    async def write(self, data: bytes) -> None:
        self.file.write(data)


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
        for turn in count():
            if self._ended.wait(0.1):
                return
            self.disk = max(self.disk, sum(_sizes(self._folder)))
            if turn % 5 == 0:  # which takes a while to find out
                self.memory = max(self.memory, sum(_memory(each) for each in (this, *this.children(recursive=True))))


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


def _processor_time() -> float:
    """Seconds of this process, and of those that it started and that have ended."""
    return time.process_time() + sum(getrusage(RUSAGE_CHILDREN)[:2])


class Phases:
    """How long each thing that publishing reports took: until the last report of it, since that of the one before.

    FOCUS and the workbook are written side by side: only what they take together means anything.
    """

    def __init__(self) -> None:
        self._last = time.perf_counter(), _processor_time()
        self.seconds: dict[str, float] = defaultdict(float)
        self.processor: dict[str, float] = defaultdict(float)

    def __call__(self, doing: str, _: int) -> None:
        now = time.perf_counter(), _processor_time()
        self.seconds[doing] += now[0] - self._last[0]
        self.processor[doing] += now[1] - self._last[1]
        self._last = now


class Statements:
    """What processor time each statement takes, while no other runs."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._execute = Engine._execute  # noqa: SLF001 the one place through which every statement goes

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Make one slice at a time, and measure every statement, while the context lasts."""

        def execute(engine: Engine, name: str, *given: Any) -> None:
            begun = time.process_time()
            self._execute(engine, name, *given)
            self.spent[name] += time.process_time() - begun

        with patch.object(Engine, "_execute", execute), patch.object(slices, "_AT_ONCE", 1):
            yield

    def tell(self, records: int) -> None:
        """Print those that take more than half a microsecond of a record, the longest first."""
        for name, seconds in sorted(self.spent.items(), key=itemgetter(1), reverse=True):
            if (each := seconds / records * 1e6) > 0.5:
                print(f"{each:6.1f} µs a record: {name}")


def measure(records: int, writers: Writers, *, settled: bool) -> None:
    reports = CountingReports()
    inputs = PeriodInputs(PERIOD, Catalogue("USD", {}, {}, Allocation((), ())), Terms(), 6)
    place = os.environ.get(_PLACE)
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory(dir=place) as folder:
        books = GeneratedBooks(records, Path(made) if settled else None)
        tempfile.tempdir = folder
        with Watch(Path(folder)) as watch:
            start, phases = time.perf_counter(), Phases()
            manifest = asyncio.run(publish(inputs, books, cast("Reports", reports), writers=writers, progress=phases))
            seconds = time.perf_counter() - start
    reading = phases.seconds["reading"] - books.spent
    csv = reading + phases.seconds["settling"] + phases.seconds["writing"]
    processor = sum(phases.processor[each] for each in ("reading", "settling", "writing")) - books.processor
    print(
        f"{books.records:>9,} records, {manifest.files[0].rows:>10,} rows: CSVs {csv:6.2f} s = {books.records / csv:,.0f}"
        f" records/s (reading {reading:.2f}, settling {phases.seconds['settling']:.2f},"
        f" writing {phases.seconds['writing']:.2f}); {(csv / books.records) * 1e6:.1f} µs a record;"
        f" the rest {seconds - books.spent - csv:.2f} s; files {reports.size / 1e6:,.0f} MB;"
        f" peak memory {watch.memory >> 20} MB, peak disk {watch.disk / 1e6:.0f} MB;"
        f" processor time of the CSVs {(processor / books.records) * 1e6:.1f} µs a record",
        flush=True,
    )
    for kind, spent in (("seconds", phases.seconds), ("processor time", phases.processor)):
        print(f"{kind} of each step: {', '.join(f'{name} {each:.1f}' for name, each in spent.items())}", flush=True)


if __name__ == "__main__":
    flags = [each for each in sys.argv[1:] if each.startswith("--")]
    sizes = [each for each in sys.argv[1:] if not each.startswith("--")] or SIZES
    within = next((each.partition("=")[2] for each in flags if each.startswith("--within=")), "")
    if within:
        flags = [each for each in flags if not each.startswith("--within=")]
        with tempfile.TemporaryDirectory() as place:
            mount = f'mount -t tmpfs -o size={int(within)}000000 tmpfs {place} && exec "$@"'
            run = [sys.executable, "-m", "benchmarks.publish", *flags, *sizes]
            subprocess.run(
                ["unshare", "-Urm", "sh", "-c", mount, "sh", *run], check=True, env=os.environ | {_PLACE: place}
            )
    elif len(sizes) == 1:
        every = ((write_focus, write_workbook), write_statements) if "--all" in flags else ()
        statements = Statements()
        with statements.watched() if "--statements" in flags else nullcontext():
            measure(int(sizes[0]), every, settled="--open" not in flags)
        statements.tell(int(sizes[0]))
    else:
        for size in sizes:
            subprocess.run([sys.executable, "-m", "benchmarks.publish", *flags, size], check=True)
