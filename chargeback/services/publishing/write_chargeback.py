"""Writes the chargeback CSV: every row of the period, its costs to the last digit."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from chargeback.domain.reports.layout import chargeback_path
from chargeback.domain.reports.manifest import BACK, CHARGEBACK_COLUMNS, FRONT, csv_line
from chargeback.domain.reports.rows import DIMENSIONS, ROW_COLUMNS, ColumnType
from chargeback.domain.time.months import Month
from chargeback.services.duck.statements import column_list, quoted
from chargeback.services.publishing.files import CSV, Files
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_parts import PeriodParts
from chargeback.services.publishing.plain_rows import plain_test
from chargeback.services.publishing.slices import Slice, made_ahead, pieces, slices
from chargeback.services.running.progress import Progress


async def write_chargeback(
    engine: PeriodEngine, parts: PeriodParts, period: Month, files: Files, progress: Progress
) -> None:
    """Usage by date and dimensions, then shared costs, then corrections; the usage is also summed."""
    await files.write(chargeback_path(period), CSV, _lines(engine, parts, period, progress))


async def _lines(
    engine: PeriodEngine, parts: PeriodParts, period: Month, progress: Progress
) -> AsyncIterator[tuple[int, bytes]]:
    yield 0, csv_line(CHARGEBACK_COLUMNS)
    done, printed = 0, -1
    async for part in parts.each():
        if part.sets != printed:
            await asyncio.to_thread(_print_dimension_sets, engine)
            printed = part.sets
        await asyncio.to_thread(engine.run, "sum charges")
        found = await asyncio.to_thread(slices, engine)
        makes = [partial(_write_slice, engine, f"{period},", each) for each in found]
        names = [engine.folder / f"lines-{each.first:012}.csv" for each in found]
        waiting = iter(found)
        async for file in made_ahead(makes, names):
            each = next(waiting)
            done += each.rows
            progress("writing", done)
            rows = each.rows
            for piece in pieces(file):
                yield rows, piece
                rows = 0
            file.unlink()
    if rows := engine.run("count of non-usage rows")[0][0]:
        file = engine.folder / "lines-of-non-usage.csv"
        await asyncio.to_thread(_write_non_usage, engine, period, file)
        progress("writing", done + rows)
        for piece in pieces(file):
            yield rows, piece
            rows = 0
        file.unlink()


def _print_dimension_sets(engine: PeriodEngine) -> None:
    engine.run(
        "printed dimension sets",
        **plain_test(DIMENSIONS),
        front=column_list(FRONT),
        back=column_list(BACK),
        front_cells=", ".join(f'cell("{name}")' for name in FRONT),
        back_cells=", ".join(f'cell("{name}")' for name in BACK),
    )


def _write_slice(engine: PeriodEngine, start: str, rows: Slice, file: Path) -> None:
    engine.run_apart("lines of slice", rows.bounds | {"start": start, "file": str(file)})


def _write_non_usage(engine: PeriodEngine, period: Month, file: Path) -> None:
    engine.run("lines of non-usage rows", {"file": str(file)}, cells=", ".join(cells(period)))


def cells(period: Month) -> list[str]:
    """SQL for the cells of a row, in the order of the columns."""
    return [quoted(period), *map(_cell, CHARGEBACK_COLUMNS[1:])]


def _cell(column: str) -> str:
    if column in ("cost", "requests"):
        return f"""coalesce(CAST("{column}" AS VARCHAR), '')"""
    return f'cell("{column}")' if ROW_COLUMNS[column] == ColumnType.STRING else f"""coalesce(digits("{column}"), '')"""
