"""Writes a period for a FinOps hub: FOCUS 1.2 as Parquet, in the folders that the hub's container `ingestion` expects.

A hub reads `Costs/{year}/{month}/{scope}` when a `manifest.json` appears there; the part of a file's name before `__`,
with the time at which it was read, marks what it loaded, and everything else that was loaded from the same folder goes.
So a month is one file whose name never changes: dropped again, it replaces what was there. A second file, or a name
with the time in it, would be loaded in addition to the old one: costs twice, or half of them gone.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

from chargeback.domain.reports.focus_columns import FocusVersion, focus_columns
from chargeback.domain.reports.layout import (
    hub_folder,
    hub_manifest_path,
    hub_path,
    is_hub_manifest,
    name_of,
    path_in_hub,
)
from chargeback.domain.time.months import Month
from chargeback.services.focus.focus_rows import FocusRows, focus_rows
from chargeback.services.parquet.row_groups import JoinedFile
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import JSON, PARQUET, Files, content_type_of, whole
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.running.progress import Progress
from chargeback.services.running.work_folder import work_folder


async def write_hub(tables: PeriodTables, files: Files, progress: Progress, *, scope: str = "chargeback") -> None:
    """Write the Parquet file, then its manifest; write nothing for a period without costs, which a hub refuses.

    `scope` names these books in the hub; two installations that feed the same hub need two.
    """
    frame = tables.frame
    drop = hub_path(frame.period, scope)
    async with focus_rows(tables) as rows:
        if rows.is_empty:
            return
        with work_folder("hub") as folder:
            pieces = _pieces(rows, Path(folder) / "batch.parquet", frame.period, progress)
            written = await files.write(drop, PARQUET, pieces)
    manifest = {
        "dataset": "FocusCost",
        "focusVersion": FocusVersion.V1_2.value,
        "period": frame.period,
        "isClosed": frame.is_closed,
        "files": [{"name": name_of(drop), "rows": written.rows, "bytes": written.bytes, "sha256": written.sha256}],
    }
    content = json.dumps(manifest, indent=2).encode() + b"\n"
    await files.write(hub_manifest_path(frame.period, scope), JSON, whole(0, content))


async def deliver_to_hub(reports: Reports, hub: Reports, period: Month) -> list[str]:
    """Copy what `write_hub` wrote of a period into the hub's container; tells the paths there.

    The manifest comes last, because the hub begins to read when it appears.
    """
    paths = sorted(await reports.paths(hub_folder(period)), key=lambda path: (is_hub_manifest(path), path))
    for path in paths:
        async with hub.create(path_in_hub(path, period), content_type_of(path)) as file:
            async for piece in reports.read(path):
                await file.write(piece)
    return [path_in_hub(path, period) for path in paths]


async def _pieces(rows: FocusRows, file: Path, period: Month, progress: Progress) -> AsyncIterator[tuple[int, bytes]]:
    """Each batch is written into a file, whose row groups are joined to those of the others."""
    columns = ", ".join(_column(name, period) for name in focus_columns(FocusVersion.V1_2))
    joined = JoinedFile()
    read = 0
    async with aclosing(rows.batches()) as batches:
        async for batch in batches:
            await asyncio.to_thread(batch.engine.run, "Parquet of batch", {"file": str(file)}, columns=columns)
            count = batch.rows
            for piece in joined.append(file):
                yield count, piece
                count = 0
            read += batch.read
            progress("writing the hub's file", read)
    yield 0, joined.end()


def _column(name: str, period: Month) -> str:
    """A column in the type that the hub's table has.

    The hub moves billing periods to the first of their UTC month, which would make March in Berlin, that begins on
    28 February at 23:00 UTC, a second February: it gets the calendar's month. It turns no text into a date.
    """
    month = f"TIMESTAMP '{period}-01'"
    changed = {
        "BillingPeriodStart": month,
        "BillingPeriodEnd": f"{month} + INTERVAL 1 MONTH",
        "x_BillingExchangeRateDate": f"{name}::TIMESTAMP",
    }
    return f"{changed.get(name, name)} AS {name}"
