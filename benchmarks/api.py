"""How fast questions about costs are answered: `python -m benchmarks.api [--months=12] [--rows=400000] [--seconds=30]`.

The months are closed; each has so many published rows, spread over 2 000 cost centres at three levels, 16 000 people,
300 applications, 6 models and 2 regions. Then come 20 questions a second, of mixed kinds and all different: finance
asks about everything, owners about subtrees, people about themselves. A question that comes while others are answered
waits, and its time counts from when it came. It is asked of the services; the files are fetched from this disk.

First the views of the months are made, which takes about 10 seconds of processor time for each month of 400 000 rows.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psutil

from chargeback.adapters.folder_reports import FolderReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import MemoryControl
from chargeback.adapters.rehearsal.files import RehearsedSettledFiles
from chargeback.domain.access.requester import Identity, RowScope
from chargeback.domain.costs.cost_query import CostQuery, Granularity, Paging, RowOrder
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import QueryRefused, QueryTooLarge
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.layout import charges_path
from chargeback.domain.reports.settled import view_path
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, dates_of
from chargeback.services.costs.read_costs import CostReader, open_reader
from chargeback.services.costs.view_pointers import ViewFile, ViewPointer, ViewPointers
from chargeback.services.costs.write_view import view_of_published
from chargeback.services.duck.row_types import row_types
from chargeback.services.ports.control import Control
from chargeback.services.ports.settled import SettledFiles
from chargeback.services.publishing.period_inputs import Stored
from chargeback.services.settled.settle_day import digest_of_file

CENTRES, PEOPLE, APPS = 2_000, 16_000, 300
A_SECOND = 20
EVERYTHING = RowScope(everything=True)

Question = Callable[[CostReader], Awaitable[object]]

_ROWS = """
COPY (
    SELECT {columns} FROM (
        SELECT
            'usage' AS kind, lpad(n::VARCHAR, 32, '0') AS charge_id,
            ('{month}-' || lpad((1 + n // {a_day})::VARCHAR, 2, '0')) AS charge_date,
            'unit-' || (person % 10) || '/team-' || (person % 200) || '/project-' || (person % {centres}) AS cost_centre,
            'subscription-' || (person % {apps}) AS subscription_id, 'standard' AS product_id,
            '' AS "user", '' AS company, '' AS billing_code,
            ['chat.completions', 'responses', 'embeddings'][1 + m % 3] AS operation, 'azure-openai' AS provider,
            'model-' || m AS model, 'model-' || m AS deployment,
            ['GlobalStandard', 'DataZoneStandard'][1 + person % 2] AS deployment_type,
            ['swedencentral', 'eastus2'][1 + person % 2] AS region, 'default' AS service_tier, 'tenant' AS tenant_id,
            'app-' || (person % {apps}) AS app_id, 'person-' || person AS user_object_id, '' AS apim_user_id,
            'backend' AS backend, '' AS variant, 'rule' AS allocation_rule,
            ['input_tokens', 'cached_input_tokens', 'output_tokens', 'requests'][1 + n % 4] AS meter,
            if(n % 4 = 3, 'requests', 'tokens') AS unit, (hash(n) % 100000)::DECIMAL(28, 12) AS quantity,
            'exact' AS state, if(n % 4 = 3, 7, 0) AS requests, 'price' AS price_id, '' AS price_unit,
            '' AS pricing_currency, 1 AS exchange_rate, 'EUR' AS currency,
            (hash(n) % 100000)::DECIMAL(18, 6) / 1000000 AS cost, (hash(n) % 100000)::DECIMAL(18, 6) / 1000000 AS exact_cost,
            (hash(n) % 100000)::DECIMAL(18, 6) / 1000000 AS list_cost,
            (hash(n) % 100000)::DECIMAL(18, 6) / 1000000 AS contracted_cost, {absent}
        FROM (
            SELECT n, (hash(n // 4) % {people})::BIGINT AS person, (hash(n // 4 + 1) % 3 + (hash(n // 4) % 4))::INTEGER AS m
            FROM (SELECT range AS n FROM range({rows}))
        )
        ORDER BY charge_date, cost_centre
    )
) TO '{file}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 40960)
"""


def month_names(count: int) -> list[Month]:
    """So many months, up to December 2026."""
    return [Month(f"{2026 - (count - 1 - n) // 12}-{(11 - (count - 1 - n)) % 12 + 1:02}") for n in range(count)]


def write_rows(file: Path, month: Month, rows: int) -> None:
    """The published rows of a month."""
    types = row_types(6)
    days = len(dates_of(month))
    named = _ROWS[: _ROWS.index("{absent}")]
    absent = ", ".join(
        f'{quote} AS "{name}"'
        for name, kind in types.items()
        if f" AS {name}" not in named and f' AS "{name}"' not in named
        for quote in ["''" if kind == "VARCHAR" else f"NULL::{kind}"]
    )
    columns = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in types.items())
    with duckdb.connect() as engine:
        engine.execute("SET memory_limit = '1GB'")
        engine.execute(
            _ROWS.format(
                columns=columns,
                absent=absent,
                month=month,
                a_day=rows // days + 1,
                centres=CENTRES,
                apps=APPS,
                people=PEOPLE,
                rows=rows,
                file=file,
            )
        )


async def make_views(
    months: Sequence[Month], rows: int, place: Path
) -> tuple[MemoryControl, SettledFiles, dict[str, int], float]:
    """The views of closed months, the bytes of each grain in a month, and how long one takes to make."""
    control, files = MemoryControl(), RehearsedSettledFiles(MemorySettledFiles(), place)
    sizes, seconds = await put_views(months, rows, control, files)
    return control, files, sizes, seconds


async def put_views(
    months: Sequence[Month], rows: int, control: Control, files: SettledFiles
) -> tuple[dict[str, int], float]:
    """Make them in these stores, in the place of those that are there."""
    sizes: dict[str, int] = {}
    seconds = []
    for number, month in enumerate(months):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / month).mkdir()
            write_rows(folder / charges_path(month), month, rows)
            begun = time.perf_counter()
            parts = await view_of_published(Stored(FolderReports(folder), charges_path(month)), month, folder)
            seconds.append(time.perf_counter() - begun)
            written = {}
            for grain, file in parts.items():
                path = view_path(month, "a", grain)
                token = await files.put(path, file, await files.token(path))
                sizes[grain] = file.stat().st_size
                written[grain] = ViewFile(path=path, token=token, sha256=digest_of_file(file), bytes=sizes[grain])
        pointer = ViewPointer(
            month=month,
            version=f"v{number}",
            state=PeriodState.CLOSED,
            currency="EUR",
            files=written,
            as_of=datetime(2027, 1, 4, tzinfo=UTC),
        )
        pointers = ViewPointers(control)
        await pointers.swap(pointer, (await pointers.get(month))[1])
    return sizes, statistics.median(seconds)


class Questions:
    """Different questions, of the kinds that pages and reports ask."""

    def __init__(self, months: Sequence[Month], rng: random.Random) -> None:
        self._months = months
        self._rng = rng

    def any(self) -> tuple[str, Question]:
        """A kind, by how often it is asked, and the question."""
        kinds = {
            "summary of all": 10,
            "summary of a subtree": 15,
            "by month": 10,
            "by date, a month": 10,
            "by date, a year": 5,
            "by cost centre": 8,
            "by application": 6,
            "by model and meter": 6,
            "by user": 4,
            "own usage": 15,
            "comparison": 4,
            "values": 4,
            "open usage": 3,
        }
        kind = self._rng.choices(list(kinds), list(kinds.values()))[0]
        return kind, getattr(self, "_" + kind.replace(" ", "_").replace(",", ""))()

    def _span(self, most: int = 12) -> tuple[BookDate, BookDate]:
        """Mostly whole months; sometimes single dates."""
        first = self._rng.randrange(len(self._months))
        last = min(len(self._months) - 1, first + self._rng.randrange(most))
        starts, ends = dates_of(self._months[first]), dates_of(self._months[last])
        if self._rng.random() < 0.25:
            return starts[self._rng.randrange(10)], ends[-1 - self._rng.randrange(10)]
        return starts[0], ends[-1]

    def _subtree(self) -> RowScope:
        unit, team = self._rng.randrange(10), self._rng.randrange(200)
        return RowScope(
            cost_centres=frozenset({f"unit-{unit}" if self._rng.random() < 0.3 else f"unit-{team % 10}/team-{team}"})
        )

    def _scope(self) -> RowScope:
        return EVERYTHING if self._rng.random() < 0.4 else self._subtree()

    def _ask(
        self,
        scope: RowScope,
        *by: Dimension,
        most: int = 12,
        granularity: Granularity = Granularity.NONE,
        order: RowOrder = RowOrder.COST,
        filters: Mapping[Dimension, tuple[str, ...]] | None = None,
        levels: int = 0,
        size: int = 100,
    ) -> Question:
        query = CostQuery(*self._span(most), filters or {}, by, granularity, levels, order)
        return lambda reader: reader.answer(query, scope, Paging(0, size))

    def _summary_of_all(self) -> Question:
        return self._ask(EVERYTHING)

    def _summary_of_a_subtree(self) -> Question:
        return self._ask(self._subtree())

    def _by_month(self) -> Question:
        return self._ask(self._scope(), granularity=Granularity.MONTH, order=RowOrder.KEY)

    def _by_date_a_month(self) -> Question:
        return self._ask(
            self._scope(), Dimension.MODEL, most=1, granularity=Granularity.DAY, order=RowOrder.KEY, size=1000
        )

    def _by_date_a_year(self) -> Question:
        return self._ask(self._scope(), granularity=Granularity.DAY, order=RowOrder.KEY, size=1000)

    def _by_cost_centre(self) -> Question:
        return self._ask(self._scope(), Dimension.COST_CENTRE, levels=self._rng.choice((0, 1, 2)))

    def _by_application(self) -> Question:
        return self._ask(self._scope(), Dimension.APPLICATION)

    def _by_model_and_meter(self) -> Question:
        return self._ask(self._scope(), Dimension.MODEL, Dimension.METER, filters={Dimension.REGION: ("eastus2",)})

    def _by_user(self) -> Question:
        return self._ask(self._subtree(), Dimension.USER, most=3)

    def _own_usage(self) -> Question:
        own = RowScope(own=Identity("tenant", f"person-{self._rng.randrange(PEOPLE)}"))
        return self._ask(own, Dimension.MODEL, most=3, granularity=Granularity.DAY, size=1000)

    def _comparison(self) -> Question:
        number = self._rng.randrange(1, len(self._months))
        before, after = (
            CostQuery(dates_of(each)[0], dates_of(each)[-1]) for each in self._months[number - 1 : number + 1]
        )
        by, scope = (self._rng.choice((Dimension.COST_CENTRE, Dimension.MODEL)),), self._scope()
        return lambda reader: reader.compare(before, after, by, scope)

    def _values(self) -> Question:
        query, scope = CostQuery(*self._span(2)), self._scope()
        dimension = self._rng.choice((Dimension.MODEL, Dimension.APPLICATION, Dimension.COST_CENTRE))
        return lambda reader: reader.values(query, dimension, scope)

    def _open_usage(self) -> Question:
        query, scope = CostQuery(*self._span(2)), self._scope()
        return lambda reader: reader.open_usage(query, scope)


async def load(reader: CostReader, questions: Questions, seconds: float) -> dict[str, list[float]]:
    """Ask; kind of question → how long each took, in milliseconds."""
    took: dict[str, list[float]] = defaultdict(list)
    failed: list[str] = []

    async def ask(kind: str, question: Question, came: float) -> None:
        try:
            await question(reader)
        except (QueryRefused, QueryTooLarge) as error:
            failed.append(f"{kind}: {error}")
        took[kind].append(1000 * (time.perf_counter() - came))

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * A_SECOND)):
            came = begun + number / A_SECOND
            await asyncio.sleep(max(0, came - time.perf_counter()))
            group.create_task(ask(*questions.any(), came))
    if failed:
        print(f"{len(failed)} not answered, such as {failed[0]}")
    return took


class Peak:
    """The most memory of this process while it is watched."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def end(self) -> int:
        """The peak in MB."""
        self._ended.set()
        return self.bytes // 1_000_000

    def _watch(self) -> None:
        process = psutil.Process(os.getpid())
        while not self._ended.wait(0.05):
            self.bytes = max(self.bytes, process.memory_info().rss)


def percentile(of: Sequence[float], part: float) -> float:
    """The value that so many of 100 do not exceed."""
    ordered = sorted(of)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))]


def options(about: str | None) -> argparse.Namespace:
    """What the command line says."""
    given = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default, text in (
        ("months", 12, "closed months that have views"),
        ("rows", 400_000, "published rows of each, over 2 000 cost centres"),
        ("seconds", 30, f"for how long {A_SECOND} questions a second are asked, after up to 10 seconds to warm up"),
    ):
        given.add_argument(f"--{name}", type=int, default=default, help=f"{text}. Default: {default}.")
    return given.parse_args()


async def main() -> None:
    """Print each kind of question with its median and p95, then all together."""
    said = options(__doc__)
    months = month_names(said.months)
    place = tempfile.TemporaryDirectory()
    begun = time.perf_counter()
    control, files, sizes, seconds = await make_views(months, said.rows, Path(place.name))
    print(
        f"{said.months} months of {said.rows} rows; a view takes {seconds:.1f} s, all"
        f" {time.perf_counter() - begun:.0f} s; in MB:"
    )
    print(json.dumps({name: round(size / 1e6, 2) for name, size in sizes.items()}))
    rng = random.Random(7)
    reader = open_reader(control, files)
    await load(reader, Questions(months, rng), min(10, said.seconds))
    peak, before = Peak(), psutil.Process().memory_info().rss // 1_000_000
    took = await load(reader, Questions(months, rng), said.seconds)
    for kind, each in sorted(took.items(), key=lambda item: -percentile(item[1], 95)):
        print(
            f"{kind:24} {len(each):5} asked, median {statistics.median(each):7.1f} ms, p95 {percentile(each, 95):7.1f} ms"
        )
    every = [each for found in took.values() for each in found]
    print(
        f"{'all':24} {len(every):5} asked, median {statistics.median(every):7.1f} ms, p95 {percentile(every, 95):7.1f} ms,"
        f" p99 {percentile(every, 99):7.1f} ms; memory {before} MB before, {peak.end()} MB at most"
    )
    reader.close()
    place.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
