"""Packs the stored documents of a day into one Parquet file: the same documents, in any order, give the same bytes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from chargeback.domain.errors import Superseded
from chargeback.domain.reports.settled import DIMENSIONS_OF_LINE, RECORD_COLUMNS, SETTLED_VERSION
from chargeback.domain.time.days import UtcDay
from chargeback.services.duck.engine import Engine, open_engine
from chargeback.services.duck.statements import column_definitions, column_list, paths

SCHEMA = f"chargeback records v{SETTLED_VERSION}"
"""What the file says of itself, under the key `schema`."""

LOAD_BYTES = 32 * 1024 * 1024
"""Documents are loaded in pieces of about this size, so that memory and disk stay small."""

BUCKET_CHARGES = 100_000
"""How many charges are sorted at once; a longer file consists of several sorted stretches."""

_ORDER = column_list((*DIMENSIONS_OF_LINE, "line_id", "part", "charge"))
"""Like stands beside like, which halves the file; the rows of a record stand together."""


async def pack_records(
    day: UtcDay, pages: AsyncIterator[bytes], folder: Path, file: Path, *, memory_limit_mb: int = 256
) -> int:
    """Write the charges of a day's documents into a file; tells how many.

    Uses `folder` for what is temporary. Raises `Superseded` where a line comes twice, because the books changed while
    they were read, and `ValueError` where a price or a cost has more digits than its column.
    """
    database = folder / "packing.duckdb"
    with open_engine(
        "chargeback.services.settled", database, spill=folder / "spill", memory_limit_mb=memory_limit_mb
    ) as engine:
        engine.run("macros")
        engine.run("create charges", columns=column_definitions(RECORD_COLUMNS))
        waiting = folder / "documents.ndjson"
        async for page in pages:
            with waiting.open("ab") as documents:
                documents.write(page)
            if waiting.stat().st_size >= LOAD_BYTES:
                await asyncio.to_thread(_add, engine, waiting)
        if waiting.exists():
            await asyncio.to_thread(_add, engine, waiting)
        if twice := await asyncio.to_thread(engine.run, "charge twice"):
            raise Superseded(f"the books of {day} changed while they were read: line {twice[0][0]} came twice")
        rows = int(engine.run("count charges")[0][0])
        await asyncio.to_thread(_write, engine, rows, folder, file)
    database.unlink()
    return rows


def bucket_count(rows: int) -> int:
    """Into how many buckets, by the first digits of their lines, so many charges are divided."""
    return -(-rows // BUCKET_CHARGES) or 1


def _add(engine: Engine, documents: Path) -> None:
    try:
        engine.run("add documents", {"path": str(documents)})
    finally:
        documents.unlink()


def _write(engine: Engine, rows: int, folder: Path, file: Path) -> None:
    buckets = bucket_count(rows)
    parts = [file] if buckets == 1 else [folder / f"bucket-{number}.parquet" for number in range(buckets)]
    for number, part in enumerate(parts):
        values = {"buckets": buckets, "bucket": number, "file": str(part), "schema": SCHEMA}
        engine.run("write bucket", values, order=_ORDER)
    if buckets > 1:
        engine.run("join buckets", {"parts": paths(parts), "file": str(file), "schema": SCHEMA})
        for part in parts:
            part.unlink()
