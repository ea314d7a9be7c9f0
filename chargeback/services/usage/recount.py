"""A day recounted from the ledger alone: every call once, in bounded memory, without Redis and without the books.

The events are read by the same `read_event` as at ingest, in worker processes; DuckDB, on disk, finds the event that
counts for each call and sums the lines. The rule is that of `domain.events.Phase` and of `adapters/lua/count.lua`;
between events of one phase the ledger's order decides: when they were written, then who wrote them. A call that has an
event on the day before is of that day.
"""

import asyncio
import gc
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.events import Phase, day_beside
from chargeback.domain.lines import from_text
from chargeback.domain.meters import Meter, Quantities
from chargeback.services.bulkheads import reason_of
from chargeback.services.ports import CountedLine, Ledger, LedgerBlock
from chargeback.services.usage.reread import MAX_EVENTS, Piece, Reread, recall, reread
from chargeback.services.work_folder import work_folder
from chargeback.services.worker_processes import worker_pool

PIECE_BYTES = 2 * 1024 * 1024
PAGE_LINES = 500
_FILES_PER_LOAD = 32

_COLUMNS = {
    "call": "UUID",
    "phase": "TINYINT",
    "written": "BIGINT",
    "position": "BIGINT",
    "line": "UUID",
    "hour": "UTINYINT",
} | {meter.value: "BIGINT" for meter in Meter}
_LINE_COLUMNS = {"line": "UUID", "text": "VARCHAR"}
_CALL_COLUMNS = {"call": "UUID", "phase": "TINYINT"}
_CSV = "header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n'"
_METERS = ", ".join(Meter)

_REPEATED = """
-- Calls of more than one event, and calls known only from polls: the only ones where an event might not count.
CREATE TABLE repeated AS
WITH calls AS (SELECT call FROM events GROUP BY call HAVING count(*) > 1 OR min(phase) = $poll)
SELECT
    position,
    phase,
    row_number() OVER (PARTITION BY call ORDER BY phase DESC, written, position) AS place,
    min(phase) OVER (PARTITION BY call) AS earliest,
    row_number() OVER same AS repetition,
    hash(line, hour, {meters}) IS DISTINCT FROM first_value(hash(line, hour, {meters})) OVER same AS differs
FROM events SEMI JOIN calls USING (call)
WINDOW same AS (PARTITION BY call, phase ORDER BY written, position)
"""

_IDLE = """
-- Events that do not count: a later phase or an earlier copy accounts for the call, or a poll stands alone.
CREATE TABLE idle AS
SELECT position, repetition > 1 AS duplicate, differs
FROM repeated
WHERE place > 1 OR (phase = $poll AND earliest = $poll)
"""

_ELSEWHERE = """
-- Events of calls that are accounted for on a neighbouring day: the gateway's own event ranks above one from beside it.
INSERT INTO elsewhere
SELECT position
FROM events SEMI JOIN (
    SELECT DISTINCT call FROM neighbours WHERE phase >= $recovered AND phase <> $poll
) USING (call)
WHERE $which
"""

_IDLE_ELSEWHERE = """
INSERT INTO idle SELECT DISTINCT position, true, true FROM elsewhere ANTI JOIN idle USING (position)
"""

_IDLE_OF_PIECE = "SELECT position FROM idle WHERE position BETWEEN $first AND $last"

_UNHEARD = """
-- Positions of a piece that a counter must not hear of; of what is left it takes the event that counts here.
SELECT position FROM idle WHERE duplicate AND position BETWEEN $first AND $last
UNION SELECT position FROM elsewhere WHERE position BETWEEN $first AND $last
"""

_TOTALS = """
SELECT
    (SELECT count(*) FROM events) - count(*),
    count(*) FILTER (duplicate),
    count(*) FILTER (differs)
FROM idle
"""

_CONFLICTS = """
SELECT DISTINCT call FROM events SEMI JOIN (SELECT position FROM idle WHERE differs) USING (position)
ORDER BY call LIMIT $n
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
        missing: appends that were acknowledged and are not in the ledger any more.
        unreadable: events that cannot be used now, by reason; they were accepted once, so there should be none.
        without: neighbouring day → why it could not be read; a call that it has may be counted here again.
    """

    day: str
    events: int = 0
    calls: int = 0
    duplicates: int = 0
    conflicts: int = 0
    missing: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    without: dict[str, str] = field(default_factory=dict)
    engine: duckdb.DuckDBPyConnection | None = None

    async def pages(self) -> AsyncIterator[list[CountedLine]]:
        """The day's lines, ordered by line id, some hundred at a time."""
        assert self.engine is not None
        sums = ", ".join(f"sum({meter}) AS {meter}" for meter in Meter)
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
                hours[hour] = {
                    meter: int(quantity) for meter, quantity in zip(Meter, quantities, strict=True) if quantity
                }
        if page:
            yield page

    async def unheard(self, piece: int) -> set[int]:
        """Positions in a piece that a counter must not hear of, for it to count what is counted here."""
        return await self._positions(_UNHEARD, piece)

    async def idle(self, piece: int) -> set[int]:
        """Positions in a piece of the events that do not count."""
        return await self._positions(_IDLE_OF_PIECE, piece)

    async def _positions(self, query: str, piece: int) -> set[int]:
        assert self.engine is not None
        bounds = {"first": piece * MAX_EVENTS, "last": (piece + 1) * MAX_EVENTS - 1}
        rows = await asyncio.to_thread(lambda engine: engine.execute(query, bounds).fetchall(), self.engine)
        return {row[0] for row in rows}

    async def conflicting(self, limit: int) -> list[str]:
        """Calls about which the day's events differ, the first ones by their identity."""
        assert self.engine is not None
        rows = await asyncio.to_thread(lambda engine: engine.execute(_CONFLICTS, {"n": limit}).fetchall(), self.engine)
        return [str(row[0]).replace("-", "") for row in rows]


@asynccontextmanager
async def recount(
    ledger: Ledger, day: str, *, workers: int, memory_limit_mb: int = 512, within: Mapping[str, int] | None = None
) -> AsyncIterator[Recounted]:
    """Recount a day in `workers` processes (0: in this one), DuckDB within `memory_limit_mb` and on disk beyond.

    `within` an extent of the ledger where later appends must not count. Nothing is left on disk when the context ends.
    """
    with (
        work_folder("recount") as folder,
        _engine(folder, memory_limit_mb) as engine,
        worker_pool(workers, first=gc.disable) as executor,  # reading makes no cycles to collect
    ):
        recounted = Recounted(day, engine=engine)
        try:
            blocks = ledger.stamped(day, within)
            await _read(blocks, recounted, folder, executor, ahead=max(1, workers) + 2)
            await asyncio.to_thread(_deduplicate, engine)
            await _leave_to_neighbours(ledger, recounted, folder, executor, ahead=max(1, workers) + 2)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(_total, engine, recounted)
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
    tables = (
        ("events", _COLUMNS),
        ("lines", _LINE_COLUMNS),
        ("neighbours", _CALL_COLUMNS),
        ("elsewhere", {"position": "BIGINT"}),
    )
    for table, columns in tables:
        engine.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {type_}' for name, type_ in columns.items())})")
    return engine


async def _read(
    blocks: AsyncIterator[LedgerBlock], recounted: Recounted, folder: str, executor: Executor, *, ahead: int
) -> None:
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
    async for text, written in pieces(_noting_missing(blocks, recounted)):
        piece = Piece(recounted.day, number, text, folder, written)
        reading.append(loop.run_in_executor(executor, reread, piece))
        number += 1
        if len(reading) > ahead:
            await take(last=False)
    while reading:
        await take(last=len(reading) == 1)
    if loading is not None:
        await loading


async def _noting_missing(blocks: AsyncIterator[LedgerBlock], recounted: Recounted) -> AsyncIterator[LedgerBlock]:
    async for block in blocks:
        recounted.missing += block.missing
        yield block


async def _leave_to_neighbours(
    ledger: Ledger, recounted: Recounted, folder: str, executor: Executor, *, ahead: int
) -> None:
    """Take out what is accounted for on the day before; and what describes a call of the day after from beside."""
    assert recounted.engine is not None
    engine = recounted.engine
    beside = await asyncio.to_thread(lambda: engine.execute("SELECT min(phase) FROM events").fetchone())
    if not beside or beside[0] is None:
        return
    for day, which in ((day_beside(recounted.day, -1), "true"), (day_beside(recounted.day, 1), "phase = -1")):
        if which == "true" or beside[0] == Phase.BESIDE:
            try:
                await _recall(ledger, day, engine, folder, executor, ahead=ahead)
            except StoreUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 whatever is wrong with another day, this one is counted
                recounted.without[day] = reason_of(error)
            query = _ELSEWHERE.replace("$poll", f"{Phase.POLL:d}").replace("$recovered", f"{Phase.RECOVERED:d}")
            await asyncio.to_thread(engine.execute, query.replace("$which", which))
            await asyncio.to_thread(engine.execute, "DELETE FROM neighbours")
    await asyncio.to_thread(engine.execute, _IDLE_ELSEWHERE)


async def _recall(
    ledger: Ledger, day: str, engine: duckdb.DuckDBPyConnection, folder: str, executor: Executor, *, ahead: int
) -> None:
    """Load the calls of another day, never more than `ahead` pieces at once."""
    loop = asyncio.get_running_loop()
    reading: deque[asyncio.Future[str]] = deque()
    number = 0
    async for text, written in pieces(ledger.stamped(day)):
        reading.append(loop.run_in_executor(executor, recall, Piece(day, number, text, folder, written)))
        number += 1
        if len(reading) > ahead:
            await asyncio.to_thread(_load_rows, engine, "neighbours", _CALL_COLUMNS, [await reading.popleft()])
    if reading:
        paths = [await each for each in reading]
        await asyncio.to_thread(_load_rows, engine, "neighbours", _CALL_COLUMNS, paths)


_Written = tuple[tuple[int, int], ...]


async def pieces(blocks: AsyncIterator[LedgerBlock]) -> AsyncIterator[tuple[bytes, _Written]]:
    """The blocks cut and joined at line ends into pieces of about PIECE_BYTES, with when their lines were written."""
    waiting: list[bytes] = []
    written: list[tuple[int, int]] = []
    size = 0
    async for block, time, _ in blocks:
        start = 0
        while len(block) - start + size >= PIECE_BYTES:
            end = block.find(b"\n", start + PIECE_BYTES - size - 1) + 1 or len(block)
            written.append((_lines(block[start:end]), time))
            yield b"".join([*waiting, block[start:end]]), tuple(written)
            waiting, written, size, start = [], [], 0, end
        if start < len(block):
            waiting.append(block[start:])
            written.append((_lines(waiting[-1]), time))
            size += len(block) - start
    if waiting:
        yield b"".join(waiting), tuple(written)


def _lines(text: bytes) -> int:
    return text.count(b"\n") if text.endswith(b"\n") else text.count(b"\n") + 1


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
        _load_rows(engine, table, columns, paths)


def _load_rows(engine: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], paths: Sequence[str]) -> None:
    engine.cursor().execute(
        f"INSERT INTO {table} FROM read_csv($paths, columns = $columns, {_CSV})",
        {"paths": list(paths), "columns": dict(columns)},
    )
    for path in paths:
        Path(path).unlink()


def _deduplicate(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(_REPEATED.format(meters=_METERS).replace("$poll", f"{Phase.POLL:d}"))
    engine.execute(_IDLE.replace("$poll", f"{Phase.POLL:d}"))


def _total(engine: duckdb.DuckDBPyConnection, recounted: Recounted) -> None:
    row = engine.execute(_TOTALS).fetchone()
    assert row is not None
    recounted.calls, recounted.duplicates, recounted.conflicts = row
