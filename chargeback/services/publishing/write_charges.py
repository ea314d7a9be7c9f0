"""Writes all rows with their exact amounts as Parquet: later corrections are compared with it, and tools read it.

Each slice of rows is a file of its own, whose row groups are joined to the published file without being read again.
The slices stay for the writers of further files.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from chargeback.domain.reports.layout import charges_path
from chargeback.domain.reports.rows import ROW_COLUMNS
from chargeback.domain.time.months import Month
from chargeback.services.duck.statements import column_list
from chargeback.services.parquet.row_groups import JoinedFile
from chargeback.services.publishing.files import PARQUET, Files
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_parts import PeriodParts
from chargeback.services.publishing.row_slices import RowSlice, RowSlices
from chargeback.services.publishing.slices import SLICE_ROWS, Slice, made_ahead, slices
from chargeback.services.publishing.work_files import WorkFiles
from chargeback.services.running.progress import Progress


async def write_charges(
    engine: PeriodEngine, parts: PeriodParts, kept: WorkFiles, period: Month, files: Files, progress: Progress
) -> RowSlices:
    """The columns of `domain.reports.rows`, in the order of the chargeback CSV; the parts are dropped on the way."""
    rows: list[RowSlice] = []
    await files.write(charges_path(period), PARQUET, _content(engine, parts, kept, rows, progress))
    return RowSlices(rows, kept.local)


async def _content(
    engine: PeriodEngine, parts: PeriodParts, kept: WorkFiles, rows: list[RowSlice], progress: Progress
) -> AsyncIterator[tuple[int, bytes]]:
    columns = column_list(ROW_COLUMNS)
    await asyncio.to_thread(engine.run, "write all columns as nullable")
    joined = JoinedFile()
    done = 0
    async for _ in parts.each_to_the_last():
        found = await asyncio.to_thread(slices, engine)
        makes = [partial(_write_slice, engine, columns, each) for each in found]
        names = [engine.folder / f"rows-{each.first:012}.parquet" for each in found]
        waiting = iter(found)
        async for file in made_ahead(makes, names):
            each = next(waiting)
            done += each.rows
            progress("packing", done)
            count = each.rows
            for piece in joined.append(file):
                yield count, piece
                count = 0
            await kept.put(file)
            rows.append(RowSlice(file.name, each.rows, each.dates, each.centres, is_usage=True))
    ranges = await asyncio.to_thread(engine.run, "ranges of non-usage rows", {"rows": SLICE_ROWS})
    for first, last, *bounds, count in ranges:
        file = engine.folder / f"rows-{first:012}.parquet"
        values = {"first": first, "last": last, "file": str(file)}
        await asyncio.to_thread(engine.run, "charges of non-usage rows", values, columns=columns)
        rows.append(RowSlice(file.name, count, (bounds[0], bounds[1]), (bounds[2], bounds[3]), is_usage=False))
        for piece in joined.append(file):
            yield count, piece
            count = 0
        await kept.put(file)
    if not rows:
        file = engine.folder / "no-rows.parquet"
        await asyncio.to_thread(engine.run, "charges of nothing", {"file": str(file)}, columns=columns)
        for piece in joined.append(file):
            yield 0, piece
        file.unlink()
    yield 0, joined.end()


def _write_slice(engine: PeriodEngine, columns: str, rows: Slice, file: Path) -> None:
    engine.run_apart("charges of slice", {**rows.bounds, "file": str(file)}, columns=columns)
