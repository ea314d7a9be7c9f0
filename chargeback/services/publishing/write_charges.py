"""All rows with their exact amounts as Parquet: what later periods are corrected by, and what tools read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

from chargeback.domain.reports.layout import charges_path
from chargeback.domain.reports.rows import COLUMNS
from chargeback.domain.time.months import Month
from chargeback.services.duck.engine import Engine, quoted
from chargeback.services.publishing.arrange import names
from chargeback.services.publishing.files import PARQUET, Files
from chargeback.services.publishing.slices import Slice, made, pieces, slices
from chargeback.services.running.progress import Progress


async def write_charges(engine: Engine, period: Month, files: Files, progress: Progress) -> None:
    """The columns of `domain.rows`, in the order of the chargeback CSV."""
    await files.write(charges_path(period), PARQUET, _content(engine, progress))


async def _content(engine: Engine, progress: Progress) -> AsyncIterator[tuple[int, bytes]]:
    """Sorting every row in full would not fit into memory, so parts of it are sorted and then joined."""
    columns = names(tuple(COLUMNS))
    others = engine.run("count of others")[0][0]
    parts: list[tuple[int, Callable[[Path], None]]] = [
        (each.rows, partial(_write_slice, engine, columns, each)) for each in await asyncio.to_thread(slices, engine)
    ]
    parts.append((others, partial(_write_others, engine, columns)))
    files: list[Path] = []
    rows = 0
    async for count, file in made(parts, engine.folder):
        files.append(file)
        rows += count
        if count:
            progress("packing", rows)
    whole = engine.folder / "charges.parquet"
    listed = f"[{', '.join(quoted(str(part)) for part in files)}]"
    await asyncio.to_thread(engine.run, "charges", {"file": str(whole)}, parts=listed)
    for part in files:
        part.unlink()
    for piece in pieces(whole):
        yield rows, piece
        rows = 0
    whole.unlink()


def _write_slice(engine: Engine, columns: str, rows: Slice, file: Path) -> None:
    engine.run_apart("charges of slice", {**rows.bounds, "file": str(file)}, columns=columns)


def _write_others(engine: Engine, columns: str, file: Path) -> None:
    engine.run_apart("charges of others", {"file": str(file)}, columns=columns)
