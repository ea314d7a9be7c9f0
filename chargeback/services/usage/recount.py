"""A day recounted from the ledger alone: every call once, in bounded memory, without Redis and without the books.

The events are read by the same `read_event` as at ingest, in worker processes; DuckDB, on disk, finds the event that
counts for each call and sums the lines. The rule is that of `domain.events.Phase` and of `adapters/lua/count.lua`.
"""

import asyncio
import gc
from collections import Counter, deque
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from chargeback.domain.lines import from_text
from chargeback.domain.meters import Meter, Quantities
from chargeback.services.ports import CountedLine, Ledger
from chargeback.services.usage.reread import Piece, Reread, reread

PIECE_BYTES = 2 * 1024 * 1024
PAGE_LINES = 500
_FILES_PER_LOAD = 32

_COLUMNS = {"call": "UUID", "phase": "UTINYINT", "position": "BIGINT", "line": "UUID", "hour": "UTINYINT"} | {
    meter.value: "BIGINT" for meter in Meter
}
_LINE_COLUMNS = {"line": "UUID", "text": "VARCHAR"}
_CSV = "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n'"
_METERS = ", ".join(Meter)

_REPEATED = """
-- Calls of more than one event, and calls known only from polls: the only ones where an event might not count.
CREATE TABLE repeated AS
WITH calls AS (SELECT call FROM events GROUP BY call HAVING count(*) > 1 OR min(phase) = $poll)
SELECT
    position,
    phase,
    row_number() OVER (PARTITION BY call ORDER BY phase DESC, position) AS place,
    min(phase) OVER (PARTITION BY call) AS earliest,
    row_number() OVER same AS repetition,
    hash(line, hour, {meters}) IS DISTINCT FROM first_value(hash(line, hour, {meters})) OVER same AS differs
FROM events SEMI JOIN calls USING (call)
WINDOW same AS (PARTITION BY call, phase ORDER BY position)
"""

_IDLE = """
-- Events that do not count: a later phase or an earlier copy accounts for the call, or a poll stands alone.
CREATE TABLE idle AS
SELECT position, repetition > 1 AS duplicate, differs
FROM repeated
WHERE place > 1 OR (phase = $poll AND earliest = $poll)
"""

_TOTALS = """
SELECT
    (SELECT count(*) FROM events) - count(*),
    count(*) FILTER (duplicate),
    count(*) FILTER (differs)
FROM idle
"""

_SUMS = """
WITH sums AS (
    SELECT line, hour, {sums}
    FROM events ANTI JOIN idle USING (position)
    GROUP BY line, hour
), texts AS (
    SELECT line, any_value(text) AS text FROM lines GROUP BY line
)
SELECT line::VARCHAR, text, hour, {meters}
FROM sums JOIN texts USING (line)
ORDER BY line, hour
"""


@dataclass(slots=True)
class Recounted:
    """A recounted day; valid inside its context.

    Attributes:
        events: lines in the ledger.
        calls: calls that count.
        duplicates: events that repeat an event of the same call and phase.
        conflicts: of the duplicates, those that say something else than the first.
        unreadable: events that cannot be used now, by reason; they were accepted once, so there should be none.
    """

    day: str
    events: int = 0
    calls: int = 0
    duplicates: int = 0
    conflicts: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    engine: duckdb.DuckDBPyConnection | None = None

    async def pages(self) -> AsyncIterator[list[CountedLine]]:
        """The day's lines, ordered by line id, some hundred at a time."""
        assert self.engine is not None
        sums = ", ".join(f"sum({meter})::BIGINT AS {meter}" for meter in Meter)
        result = await asyncio.to_thread(self.engine.execute, _SUMS.format(sums=sums, meters=_METERS))
        page: list[CountedLine] = []
        hours: dict[int, Quantities] = {}
        while rows := await asyncio.to_thread(result.fetchmany, 2_000):
            for identity, text, hour, *quantities in rows:
                line_id = identity.replace("-", "")
                if not page or page[-1].line_id != line_id:
                    if len(page) >= PAGE_LINES:
                        yield page
                        page = []
                    hours = {}
                    page.append(CountedLine(line_id, from_text(text), hours))
                hours[hour] = {meter: quantity for meter, quantity in zip(Meter, quantities, strict=True) if quantity}
        if page:
            yield page


@asynccontextmanager
async def recount(ledger: Ledger, day: str, *, workers: int, memory_limit_mb: int = 512) -> AsyncIterator[Recounted]:
    """Recount a day in `workers` processes (0: in this one), DuckDB within `memory_limit_mb` and on disk beyond.

    Nothing is left on disk when the context ends.
    """
    with (
        TemporaryDirectory(prefix="recount-", ignore_cleanup_errors=True) as folder,
        _engine(folder, memory_limit_mb) as engine,
        _executor(workers) as executor,
    ):
        recounted = Recounted(day, engine=engine)
        try:
            await _read(ledger, recounted, folder, executor, ahead=max(1, workers) + 2)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(_deduplicate, engine, recounted)
        yield recounted


def _engine(folder: str, memory_limit_mb: int) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(
        f"{folder}/recount.duckdb",
        config={
            "memory_limit": f"{memory_limit_mb}MB",
            "temp_directory": f"{folder}/spill",
            "preserve_insertion_order": False,
            "threads": 2,
        },
    )
    for table, columns in (("events", _COLUMNS), ("lines", _LINE_COLUMNS)):
        engine.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {type_}' for name, type_ in columns.items())})")
    return engine


def _executor(workers: int) -> Executor:
    if not workers:
        return ThreadPoolExecutor(1)
    # Spawned, because a forked child of a process with threads may hang; reading makes no cycles to collect.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=gc.disable)


async def _read(ledger: Ledger, recounted: Recounted, folder: str, executor: Executor, *, ahead: int) -> None:
    """Have every piece read again and load the rows, never more than `ahead` pieces at once."""
    loop = asyncio.get_running_loop()
    reading: deque[asyncio.Future[Reread]] = deque()
    done: list[Reread] = []
    loading: asyncio.Future[None] | None = None

    async def take(*, last: bool) -> None:
        nonlocal done, loading
        done.append(await reading.popleft())
        if last or len(done) >= _FILES_PER_LOAD:
            if loading is not None:
                await loading
            loading, done = asyncio.ensure_future(asyncio.to_thread(_load, recounted, done)), []

    number = 0
    async for text in _pieces(ledger.blocks(recounted.day)):
        reading.append(loop.run_in_executor(executor, reread, Piece(recounted.day, number, text, folder)))
        number += 1
        if len(reading) > ahead:
            await take(last=False)
    while reading:
        await take(last=len(reading) == 1)
    if loading is not None:
        await loading


async def _pieces(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The blocks cut and joined at line ends into pieces of about PIECE_BYTES."""
    waiting: list[bytes] = []
    size = 0
    async for block in blocks:
        start = 0
        while len(block) - start + size >= PIECE_BYTES:
            end = block.find(b"\n", start + PIECE_BYTES - size - 1) + 1 or len(block)
            yield b"".join([*waiting, block[start:end]])
            waiting, size, start = [], 0, end
        if start < len(block):
            waiting.append(block[start:])
            size += len(block) - start
    if waiting:
        yield b"".join(waiting)


def _load(recounted: Recounted, files: list[Reread]) -> None:
    """Move the rows of some pieces into the engine."""
    assert recounted.engine is not None
    engine = recounted.engine.cursor()
    for each in files:
        recounted.events += each.events
        recounted.unreadable.update(each.unreadable)
    for table, columns, paths in (
        ("events", _COLUMNS, [each.rows for each in files]),
        ("lines", _LINE_COLUMNS, [each.lines for each in files]),
    ):
        engine.execute(
            f"INSERT INTO {table} FROM read_csv($paths, columns = $columns, {_CSV})",
            {"paths": paths, "columns": columns},
        )
        for path in paths:
            Path(path).unlink()


def _deduplicate(engine: duckdb.DuckDBPyConnection, recounted: Recounted) -> None:
    engine.execute(_REPEATED.format(meters=_METERS).replace("$poll", "3"))
    engine.execute(_IDLE.replace("$poll", "3"))
    row = engine.execute(_TOTALS).fetchone()
    assert row is not None
    recounted.calls, recounted.duplicates, recounted.conflicts = row
