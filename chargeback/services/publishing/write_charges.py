"""Writes all rows with their exact amounts as Parquet: later corrections are compared with it, and tools read it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from chargeback.domain.reports.layout import charges_path
from chargeback.domain.reports.rows import ROW_COLUMNS
from chargeback.domain.time.months import Month
from chargeback.services.duck.statements import column_list, paths
from chargeback.services.publishing.files import PARQUET, Files
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.slices import Slice, pieces, slices, write_ahead
from chargeback.services.running.progress import Progress


async def write_charges(engine: PeriodEngine, period: Month, files: Files, progress: Progress) -> None:
    """The columns of `domain.reports.rows`, in the order of the chargeback CSV."""
    await files.write(charges_path(period), PARQUET, _content(engine, progress))


async def _content(engine: PeriodEngine, progress: Progress) -> AsyncIterator[tuple[int, bytes]]:
    """Sorting every row in full would not fit into memory, so parts of it are sorted and then joined."""
    columns = column_list(ROW_COLUMNS)
    non_usage = engine.run("count of non-usage rows")[0][0]
    parts: list[tuple[int, Callable[[Path], None]]] = [
        (each.rows, partial(_write_slice, engine, columns, each)) for each in await asyncio.to_thread(slices, engine)
    ]
    parts.append((non_usage, partial(_write_non_usage, engine, columns)))
    files: list[Path] = []
    rows = 0
    async for count, file in write_ahead(parts, engine.folder):
        files.append(file)
        rows += count
        if count:
            progress("packing", rows)
    whole = engine.folder / "charges.parquet"
    await asyncio.to_thread(engine.run, "joined charges", {"file": str(whole), "parts": paths(files)})
    for part in files:
        part.unlink()
    for piece in pieces(whole):
        yield rows, piece
        rows = 0
    whole.unlink()


def _write_slice(engine: PeriodEngine, columns: str, rows: Slice, file: Path) -> None:
    engine.run_apart("charges of slice", {**rows.bounds, "file": str(file)}, columns=columns)


def _write_non_usage(engine: PeriodEngine, columns: str, file: Path) -> None:
    engine.run_apart("charges of non-usage rows", {"file": str(file)}, columns=columns)
