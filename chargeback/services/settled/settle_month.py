"""Writes the file with the sums of a month from the files of its settled days, and then the pointer to it.

Why it is safe with any number of runs and a kill between any two steps: as for the file of a day, see `settle_day`.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from chargeback.domain.errors import Superseded
from chargeback.domain.reports.settled import (
    SETTLED_VERSION,
    TOTAL_COLUMNS,
    TOTAL_KEYS,
    totals_path,
)
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.duck.engine import open_engine
from chargeback.services.duck.statements import column_definitions, column_list, paths
from chargeback.services.ports.control import Control
from chargeback.services.ports.settled import SettledFiles
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.pointer import Pointer
from chargeback.services.settled.settle_day import digest_of_file
from chargeback.services.settled.totals_pointer import TotalsPointer, TotalsPointers

TOTALS_SCHEMA = f"chargeback totals v{SETTLED_VERSION}"
"""What the file says of itself, under the key `schema`."""


async def settle_month(
    control: Control, files: SettledFiles, month: Month, days: Mapping[UtcDay, Pointer], *, memory_limit_mb: int = 256
) -> bool:
    """Write the sums of the settled days of a month, unless they are there already; tells whether it wrote.

    Raises `Superseded` where another run wrote the same, or a file of a day is not the one that its pointer names.
    """
    pointers, path = TotalsPointers(control), totals_path(month)
    known, after = await pointers.get(month)
    token = await files.token(path)
    wanted = {str(day): pointer.fence for day, pointer in sorted(days.items())}
    is_there = known is not None and (known.schema, known.token) == (SETTLED_VERSION, token)
    if known is not None and is_there and known.days == wanted:
        return False
    with work_folder("settled") as folder:
        before, file = Path(folder, "before.parquet"), Path(folder, "totals.parquet")
        kept: dict[str, str] = {}
        if known is not None and is_there and await _is_fetched(files, path, known.sha256, before):
            kept = {day: fence for day, fence in known.days.items() if wanted.get(day) == fence}
        summed = [
            await _fetched(files, pointer, Path(folder, f"{day}.parquet"))
            for day, pointer in days.items()
            if day not in kept
        ]
        await asyncio.to_thread(_write, Path(folder), before, sorted(kept), summed, file, memory_limit_mb)
        digest = await asyncio.to_thread(digest_of_file, file)
        token = await files.put(path, file, token)
    await pointers.swap(month, TotalsPointer(schema=SETTLED_VERSION, token=token, sha256=digest, days=wanted), after)
    return True


async def _is_fetched(files: SettledFiles, path: str, sha256: str, to: Path) -> bool:
    return await files.fetch(path, to) and await asyncio.to_thread(digest_of_file, to) == sha256


async def _fetched(files: SettledFiles, pointer: Pointer, to: Path) -> Path:
    if not await _is_fetched(files, pointer.path, pointer.sha256, to):
        raise Superseded(f"{pointer.path} is not what its pointer says")
    return to


def _write(folder: Path, before: Path, kept: list[str], days: list[Path], file: Path, memory_limit_mb: int) -> None:
    with open_engine(
        "chargeback.services.settled",
        folder / "totals.duckdb",
        spill=folder / "spill",
        memory_limit_mb=memory_limit_mb,
    ) as engine:
        engine.run("create totals", columns=column_definitions(TOTAL_COLUMNS))
        if kept:
            engine.run("keep totals", {"before": str(before), "kept": kept}, columns=column_list(TOTAL_COLUMNS))
        if days:
            engine.run("add totals", {"days": paths(days)})
        engine.run("write totals", {"file": str(file), "schema": TOTALS_SCHEMA}, keys=column_list(TOTAL_KEYS))
