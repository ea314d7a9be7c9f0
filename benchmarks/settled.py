"""What settled days cost and save: bytes, seconds and request units of a day in the books and of the same day as a file.

`.venv/bin/python -m benchmarks.settled [RECORDS…]` starts its own stack on loopback and ends it. RECORDS are those of a
day, with 3 or 4 charges each and 8 hours; a month of 300 000 has 10 000 a day. Reading from the books and from the
file take turns, so their ratio holds on a busy machine, too. Request units are by the documented charges for the size;
for a query, our estimate.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from statistics import median

import duckdb
import msgspec

from benchmarks.publish import GeneratedBooks
from chargeback.bootstrap import Container, open_container
from chargeback.domain.rating.usage_record import from_document
from chargeback.domain.reports.settled import totals_path
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.process import prepare_process
from chargeback.services.settled.settle_day import settle_day
from chargeback.services.settled.settle_month import settle_month
from chargeback.services.usage.post_shards import RECORDS_PER_WRITE, by_shard
from chargeback.settings import read_settings
from stack.clear import clear_stores
from stack.provision import call
from stack.stack import Stack

DAY, MONTH = UtcDay("2026-03-05"), Month("2026-03")
SIZES = ("1000", "10000")
ROUNDS = 3


async def run(stack: Stack, sizes: list[int]) -> None:
    """Print a row for each size."""
    print("| Records | Documents | File | Month's sums | Settle | Read the books | Read the file | As rows |")
    print("|---|---|---|---|---|---|---|---|")
    for size in sizes:
        clear_stores(stack)
        async with open_container(read_settings()) as container:
            documents = await fill(container, size)
            print(f"| {size:,} | {documents / 1e6:,.1f} MB | {await measure(stack, container)} |", flush=True)
            if size == sizes[-1]:
                with tempfile.TemporaryDirectory() as folder:
                    async with container.settled_days.rows(DAY) as rows:
                        assert rows is not None
                        print_shapes(rows, Path(folder))


async def fill(container: Container, size: int) -> int:
    """Put a day into the books; the bytes of its documents."""
    found = GeneratedBooks(size * 31)
    pages = [page async for page in found.documents(DAY)]
    records = [from_document(msgspec.json.decode(line)) for page in pages for line in page.splitlines()]
    for shard, mine in by_shard(records, container.books.shards).items():
        fence = None
        for first in range(0, len(mine), RECORDS_PER_WRITE):
            some = mine[first : first + RECORDS_PER_WRITE]
            fence = await container.books.write(DAY, shard, fence, (None, "digest"), some)
    return sum(map(len, pages))


async def measure(stack: Stack, container: Container) -> str:
    """The rest of a row."""
    days, files = container.settled_days, container.settled_files

    async def settle() -> object:
        return await settle_day(container.books, files, DAY)

    async def read(pages: AsyncIterator[object]) -> None:
        async for _ in pages:
            pass

    async def open_rows() -> None:
        async with days.rows(DAY):
            pass

    settled = await timed(stack, settle)
    pointer = await settle_day(container.books, files, DAY)
    assert pointer is not None
    await settle_month(container.control, files, MONTH, {DAY: pointer})
    sums = {each.name: each.size async for each in container.blobs.get_container_client("settled").list_blobs()}
    ways: list[Callable[[], Awaitable[object]]] = [
        lambda: read(container.books.records(DAY)),
        lambda: read(days.records(DAY)),
        open_rows,
    ]
    rounds = [[await timed(stack, way) for way in ways] for _ in range(ROUNDS)]
    reads = [(median(seconds for seconds, _ in of_way), of_way[0][1]) for of_way in zip(*rounds, strict=True)]
    told = [f"{seconds:.2f} s, {units:,.0f} RU" for seconds, units in (settled, *reads)]
    return " | ".join([f"{pointer.bytes / 1e6:,.2f} MB", f"{sums[totals_path(MONTH)] / 1e6:,.2f} MB", *told])


SHAPES = {
    "a row a charge, like beside like (as it is)": "SELECT * FROM day",
    "ordered by line_id": "SELECT * FROM day ORDER BY line_id, part, charge",
    "without hours": "SELECT * EXCLUDE (hours) FROM day",
    "a row a record, its charges nested": (
        "SELECT any_value(COLUMNS(* EXCLUDE (line_id, part, charge, charge_date, meter, quantity, state, cost, price_id,"
        " per_million, list_per_million, contracted_per_million))), line_id, list(struct_pack(part, charge_date, meter,"
        " quantity, state, cost, price_id, per_million, list_per_million, contracted_per_million)"
        " ORDER BY part, charge) AS charges FROM day GROUP BY line_id"
        " ORDER BY any_value(subscription_id), any_value(app_id), line_id"
    ),
}
"""What else a file of the same rows could be."""

_SUM = "SELECT cost_centre, sum(cost) FROM '{file}' GROUP BY ALL"
_NESTED_SUM = (
    "SELECT cost_centre, sum(each.cost) FROM (SELECT cost_centre, unnest(charges) AS each FROM '{file}') GROUP BY ALL"
)


def print_shapes(rows: Path, folder: Path) -> None:
    """How large the file would be, and how much CPU the costs of the cost centres take."""
    with duckdb.connect(config={"threads": 2}) as engine:
        engine.execute(f"CREATE VIEW day AS FROM read_parquet('{rows}', hive_partitioning = false)")
        for name, query in SHAPES.items():
            file = folder / f"{len(list(folder.iterdir()))}.parquet"
            engine.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
            ask = (_NESTED_SUM if "nested" in name else _SUM).format(file=file)
            spent = []
            for _ in range(7):
                start = time.process_time()
                engine.execute(ask).fetchall()
                spent.append(time.process_time() - start)
            print(
                f"{name}: {file.stat().st_size / 1e6:.2f} MB, {median(spent) * 1000:.0f} ms of CPU to sum by cost centre"
            )


async def timed(stack: Stack, work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds and request units."""
    url = f"{stack.url('cosmos')}/_charges"
    await asyncio.to_thread(call, stack.site, "DELETE", url)
    start = time.perf_counter()
    await work()
    seconds = time.perf_counter() - start
    spent = json.loads(await asyncio.to_thread(call, stack.site, "GET", url))
    return seconds, spent["read"] + spent["query"] + spent["write"]


def main() -> None:
    prepare_process()
    with Stack() as stack:
        os.environ.update(stack.env)
        asyncio.run(run(stack, [int(size) for size in sys.argv[1:] or SIZES]))


if __name__ == "__main__":
    main()
