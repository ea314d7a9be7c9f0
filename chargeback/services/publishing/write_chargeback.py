"""Writes the chargeback CSV: every row of the period, its costs to the last digit."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from chargeback.domain.reports.layout import chargeback_path
from chargeback.domain.reports.manifest import CHARGEBACK_COLUMNS, csv_line
from chargeback.domain.reports.rows import ROW_COLUMNS, ColumnType
from chargeback.domain.time.months import Month
from chargeback.services.duck.statements import quoted
from chargeback.services.publishing.files import CSV, Files
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.slices import Slice, pieces, slices, write_ahead
from chargeback.services.running.progress import Progress


async def write_chargeback(engine: PeriodEngine, period: Month, files: Files, progress: Progress) -> None:
    """Usage by date and dimensions, then shared costs, then corrections."""
    await files.write(chargeback_path(period), CSV, _lines(engine, period, progress))


async def _lines(engine: PeriodEngine, period: Month, progress: Progress) -> AsyncIterator[tuple[int, bytes]]:
    yield 0, csv_line(CHARGEBACK_COLUMNS)
    start = f"{period},"
    parts: list[tuple[int, Callable[[Path], None]]] = [
        (each.rows, partial(_write_slice, engine, start, each)) for each in slices(engine)
    ]
    if non_usage := engine.run("count of non-usage rows")[0][0]:
        parts.append((non_usage, partial(_write_non_usage, engine, period)))
    done = 0
    async for rows, file in write_ahead(parts, engine.folder):
        done += rows
        progress("writing", done)
        for piece in pieces(file):
            yield rows, piece
            rows = 0
        file.unlink()


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
