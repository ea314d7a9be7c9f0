"""All rows with their exact amounts as Parquet: what later periods are corrected by, and what tools read."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from chargeback.domain.rows import COLUMNS
from chargeback.services.files import PARQUET, Files, Progress
from chargeback.services.publishing.arrange import names
from chargeback.services.publishing.engine import Engine, quoted
from chargeback.services.publishing.slices import pieces, slices


async def write_charges(engine: Engine, period: str, files: Files, progress: Progress) -> None:
    """The columns of `domain.rows`, in the order of the chargeback CSV."""
    await files.write(f"charges-{period}.parquet", PARQUET, _content(engine, progress))


async def _content(engine: Engine, progress: Progress) -> AsyncIterator[tuple[int, bytes]]:
    """Sorting every row in full would not fit into memory, so parts of it are sorted and then joined."""
    columns = names(tuple(COLUMNS))
    parts: list[Path] = []
    rows = 0
    for each in await asyncio.to_thread(slices, engine):
        parts.append(engine.folder / f"charges-{len(parts):06}.parquet")
        values = {**each.bounds, "file": str(parts[-1])}
        await asyncio.to_thread(engine.run, "charges of slice", values, columns=columns)
        rows += each.rows
        progress("packing", rows)
    parts.append(engine.folder / f"charges-{len(parts):06}.parquet")
    await asyncio.to_thread(engine.run, "charges of others", {"file": str(parts[-1])}, columns=columns)
    rows += engine.run("count of others")[0][0]
    whole = engine.folder / "charges.parquet"
    listed = f"[{', '.join(quoted(str(part)) for part in parts)}]"
    await asyncio.to_thread(engine.run, "charges", {"file": str(whole)}, parts=listed)
    for part in parts:
        part.unlink()
    for piece in pieces(whole):
        yield rows, piece
        rows = 0
    whole.unlink()
