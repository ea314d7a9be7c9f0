"""Writes the files of a month's view from its rows, some at a time."""

import asyncio
from pathlib import Path

from chargeback.domain.time.months import Month
from chargeback.services.costs.grains import GRAINS, KEYS, VIEW_SUMS, Grain, sums, sums_of_row
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.row_types import row_types
from chargeback.services.duck.statements import column_list, paths
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.build_rows import build_rows
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import PeriodInputs, Stored
from chargeback.services.publishing.period_parts import PeriodParts
from chargeback.services.publishing.published_slices import published_slices
from chargeback.services.publishing.staging import BookedDays
from chargeback.services.publishing.work_files import WorkFiles
from chargeback.services.running.progress import ignore_progress

PACKAGE = "chargeback.services.costs"

ROW_GROUP = 20_480

ViewParts = dict[str, Path]
"""The name of each file of a view → the file."""


async def view_of_published(stored: Stored, month: Month, folder: Path, *, memory_limit_mb: int = 224) -> ViewParts:
    """The files of the view of a month that is published for good."""
    database = folder / "view.duckdb"
    with open_engine(PACKAGE, database, spill=folder / "spill", memory_limit_mb=memory_limit_mb) as engine:
        parts: list[Path] = []
        rows = await published_slices(stored, folder)
        async for files in rows.each():
            engine.show("published_rows", row_types(12), files)
            parts.append(await _take(engine, "published_rows", month, folder, len(parts)))
        if not parts:
            engine.show("published_rows", row_types(12), [])
            parts.append(await _take(engine, "published_rows", month, folder, 0))
        return await _write_grains(engine, parts, folder)


async def view_of_books(
    inputs: PeriodInputs,
    books: BookedDays,
    reports: Reports,
    folder: Path,
    *,
    memory_limit_mb: int = 224,
    disk_limit_mb: int = 400,
) -> ViewParts:
    """The files of the view of what would be published of a month now; nothing is.

    What has no room in the folder waits in the reports. Raises what `publish` does.
    """
    kept = WorkFiles(folder, reports)
    engine = PeriodEngine(
        folder, decimals=inputs.decimals, memory_limit_mb=memory_limit_mb, disk_limit_mb=disk_limit_mb
    )
    try:
        with engine, engine.speaking(PACKAGE) as views:
            usage = PeriodParts(engine, kept)
            await build_rows(engine, usage, inputs, books, reports, ignore_progress)
            parts: list[Path] = []
            async for _ in usage.each_to_the_last():
                parts.append(await _take(views, "usage_rows", inputs.period, folder, len(parts)))
            parts.append(await _take(views, "priced_non_usage_rows", inputs.period, folder, len(parts)))
            return await _write_grains(views, parts, folder)
    finally:
        await kept.clear()


async def _take(engine: Engine, relation: str, month: Month, folder: Path, number: int) -> Path:
    """The rows of a relation with the columns of a view."""
    file = folder / f"rows-of-view-{number:05}.parquet"
    values = {"month": month, "file": str(file)}
    words = {"keys": column_list(KEYS), "sums": sums_of_row(), "relation": relation}
    await asyncio.to_thread(engine.run, "rows of part", values, **words)
    return file


async def _write_grains(engine: Engine, parts: list[Path], folder: Path) -> ViewParts:
    """The finest first: each coarser one is made of one that is there."""
    written: ViewParts = {}
    for grain in reversed(GRAINS):
        sources = [written[grain.source]] if grain.source else parts
        for name, condition in grain.files.items():
            written[name] = folder / f"{name}.parquet"
            await asyncio.to_thread(_write_file, engine, grain, condition, sources, written[name])
    for file in parts:
        file.unlink()
    return written


def _write_file(engine: Engine, grain: Grain, condition: str, sources: list[Path], file: Path) -> None:
    order = f"ORDER BY {column_list(grain.order)}" if grain.order else ""
    clauses = f"WHERE {condition} {'GROUP BY ALL' if grain.is_summed else ''} {order}"
    engine.run(
        "write grain",
        {"files": paths(sources), "file": str(file)},
        keys=column_list(grain.keys),
        sums=sums() if grain.is_summed else column_list(VIEW_SUMS),
        clauses=clauses,
        row_group=ROW_GROUP,
    )
