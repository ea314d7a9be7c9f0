"""How fast statements are written: `python -m benchmarks.statements [CENTRES] [ROWS] [WORKERS]`."""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import cast

import duckdb

from benchmarks.publish import CountingReports, Watch
from chargeback.domain.budgets.budget import plain_budget
from chargeback.domain.time.months import Month
from chargeback.services.duck.row_types import row_types
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import Files
from chargeback.services.publishing.period_tables import PeriodFrame, PeriodTables
from chargeback.services.publishing.row_slices import RowSlice, RowSlices
from chargeback.services.running.progress import ignore_progress
from chargeback.services.statements.write_statements import write_statements

DECIMALS = 6
_MADE = {
    "kind": "CASE WHEN i % 5000 = 0 THEN 'shared' WHEN i % 3000 = 0 THEN 'correction' ELSE 'usage' END",
    "charge_id": "md5(i::VARCHAR || '{month}')",
    "charge_date": "printf('{month}-%02d', 1 + i * 31 // {rows})",
    "cost_centre": "printf('company/unit-%02d/team-%04d', centre % 40, centre)",
    "subscription_id": "printf('team-%05d', centre * 10 + i % 7)",
    "product_id": "'standard'",
    "user": "printf('user%03d@example.com', hash(i) % 97)",
    "company": "'Example Company'",
    "billing_code": "printf('BC-%03d', hash(i) % 50)",
    "operation": "'chat.completions'",
    "provider": "'azure-openai'",
    "model": "['gpt-4o-2024-11-20', 'gpt-5-mini-2025-08-07', 'o4-mini-2025-04-16', 'text-embedding-3-large',"
    " 'gpt-4.1-nano-2025-04-14', 'whisper', 'dall-e-3'][1 + (hash(i // 4) % 7)::BIGINT]",
    "deployment": "'gpt-4o'",
    "deployment_type": "'GlobalStandard'",
    "region": "'swedencentral'",
    "service_tier": "'default'",
    "tenant_id": "'2f3c8a54-6f5e-4c26-8a6b-0d0f7a3f5b11'",
    "app_id": "printf('9d1f6a0e-0000-4000-8000-%012d', centre * 10 + i % 7)",
    "backend": "'aoai-swedencentral-01.openai.azure.com'",
    "allocation_rule": "'by-subscription'",
    "meter": "['input_tokens', 'cached_input_tokens', 'output_tokens', 'requests'][1 + i % 4]",
    "unit": "CASE WHEN i % 4 = 3 THEN 'requests' ELSE 'tokens' END",
    "quantity": "1 + hash(i) % 10000000",
    "state": "'exact'",
    "requests": "CASE WHEN i % 4 = 3 THEN 1 + i % 100 ELSE 0 END",
    "price_id": "'azure-openai/gpt-4o/any/GlobalStandard/default/input_tokens@2024-11-20T00Z'",
    "price_unit": "'1000000 tokens'",
    "unit_price": "2.5",
    "pricing_currency": "'USD'",
    "exchange_rate": "1",
    "currency": "'USD'",
    "cost": "((1 + hash(i) % 10000000) * 0.0000025)::DECIMAL(38, 6)",
    "exact_cost": "((1 + hash(i) % 10000000) * 0.0000025)::DECIMAL(38, 18)",
    "corrects_period": "'2026-01'",
    "shared_cost": "'ptu'",
    "allocation_basis": "'usage'",
    "allocated_ratio": "0.125",
}  # fmt: skip


def make(folder: Path, centres: int, rows: int) -> None:
    """Rows of a period, in a process of its own, whose memory is not measured.

    They are in the order of days, as the books give them: each centre's are spread over the file.
    """
    with duckdb.connect(config={"memory_limit": "256MB", "temp_directory": f"{folder}/make"}) as engine:
        engine.execute("SET enable_progress_bar = false")
        for name, month, count in (("rows", "2026-03", rows), ("previous", "2026-02", rows // 2)):
            made = {name: "''" if kind == "VARCHAR" else "NULL" for name, kind in row_types(DECIMALS).items()} | _MADE
            listed = ", ".join(
                f'({made[name].format(month=month, rows=count)})::{kind} AS "{name}"'
                for name, kind in row_types(DECIMALS).items()
            )
            engine.execute(
                f"COPY (SELECT {listed} FROM"
                f" (SELECT i, (hash(i // 4) % {centres})::BIGINT AS centre FROM range({count}) made(i)))"
                f" TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 40960)"
            )


def period_tables(folder: Path) -> PeriodTables:
    """The period that was made in a folder."""
    frame = PeriodFrame(
        folder, Month("2026-03"), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), "UTC", "USD", DECIMALS,
        is_closed=False, previous_period=Month("2026-02"), centres={"company": "Company"},
        budgets=(plain_budget("company", Decimal(1_000_000), "USD", [Decimal(80), Decimal(100)]),),
    )  # fmt: skip
    return PeriodTables(frame, _slices(folder / "rows.parquet"), _slices(folder / "previous.parquet"))


def _slices(file: Path) -> RowSlices:
    """One file, all of which is read wherever a part of it is needed."""

    @asynccontextmanager
    async def local(names: Sequence[str]) -> AsyncIterator[list[Path]]:
        yield [Path(name) for name in names]

    return RowSlices([RowSlice(str(file), 1, ("", "~"), ("", "~"), is_usage=False)], local)


def measure(centres: int, rows: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.statements", str(centres), str(rows), "--make", name], check=True
        )
        of = period_tables(Path(name))
        reports = CountingReports()
        files = Files(cast("Reports", reports))
        tempfile.tempdir = name
        with Watch(Path(name)) as watch:
            start = time.perf_counter()
            asyncio.run(write_statements(of, files, ignore_progress, workers=workers))
            seconds = time.perf_counter() - start
    written = sum(file.rows for file in files.written)
    pages = [file.bytes for file in files.written if file.path.endswith(".html")]
    print(
        f"{len(pages):,} statements of {written:,} rows, {workers} workers: {seconds:.1f} s"
        f" = {written / seconds:,.0f} rows/s, {len(pages) / seconds:.1f} statements/s;"
        f" {reports.size / 1e6:.0f} MB, a page {sum(pages) / len(pages) / 1e3:.0f} KB;"
        f" peak RSS of all processes {watch.memory >> 20} MB, peak disk with the rows {watch.disk >> 20} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("centres", type=int, nargs="?", default=200)
    parser.add_argument("rows", type=int, nargs="?", default=200_000)
    parser.add_argument("workers", type=int, nargs="?", default=2)
    parser.add_argument("--make", type=Path, metavar="FOLDER", help="make the rows there and measure nothing")
    given = parser.parse_args()
    if given.make:
        make(given.make, given.centres, given.rows)
    else:
        measure(given.centres, given.rows, given.workers)


if __name__ == "__main__":
    main()
