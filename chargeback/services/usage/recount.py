"""Recounts a day from the ledger alone: every call once, in bounded memory, without Redis and without the books.

The events are read by the same `read_event` as at ingest, in worker processes; DuckDB, on disk, finds the event that
counts for each call (`what_counts`) and sums the lines.
"""

import asyncio
import gc
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chargeback.domain.cost_centres.folding import MOST_NAMES, NamedValues
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.events.usage_event import Phase, day_beside
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.lines import Line, from_json
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.services.duck.engine import Engine, Row, open_engine
from chargeback.services.duck.statements import column_definitions
from chargeback.services.ports.counter import CountedLine
from chargeback.services.ports.ledger import Ledger, LedgerBlock
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.work_folder import work_folder
from chargeback.services.running.worker_processes import worker_pool
from chargeback.services.usage.csv_rows import LINE_COLUMNS, load_rows
from chargeback.services.usage.fold_names import fold_names
from chargeback.services.usage.reread import MAX_EVENTS, Piece, Reread, recall, reread
from chargeback.services.usage.what_counts import (
    CLAIM_COLUMNS,
    NEIGHBOUR_COLUMNS,
    find_what_counts,
    leave_out_elsewhere,
    leave_to_neighbour,
)

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
}


@dataclass(slots=True)
class Recounted:
    """A recounted day; valid inside its context.

    Attributes:
        events: lines in the ledger.
        calls: calls that count.
        duplicates: events that repeat an event of the same call and phase.
        conflicts: duplicates that say something else than the first.
        missing: appends that were acknowledged and are not in the ledger any more.
        unreadable: events that cannot be used now, by reason; they were accepted once, so there should be none.
        without: neighbouring day → why it could not be read; a call that it has may be counted here again.
        meters: what any event of the day accounts for; only these are columns, as each costs time for every event.
    """

    day: UtcDay
    events: int = 0
    calls: int = 0
    duplicates: int = 0
    conflicts: int = 0
    missing: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    without: dict[str, str] = field(default_factory=dict)
    meters: tuple[Meter, ...] = (Meter.REQUESTS,)
    engine: Engine | None = None

    async def pages(self) -> AsyncIterator[list[CountedLine]]:
        """The day's lines, ordered by line id, some hundred at a time."""
        assert self.engine is not None
        sums = ", ".join(f"sum({meter}) AS {meter}" for meter in self.meters)
        found = self.engine.stream("sums of lines", rows=2_000, meters=", ".join(self.meters), sums=sums)
        page: list[CountedLine] = []
        hours: dict[int, Quantities] = {}
        while rows := await asyncio.to_thread(next, found, None):
            for identity, text, hour, *quantities in rows:
                line_id = identity.replace("-", "")
                if not page or page[-1].line_id != line_id:
                    if len(page) >= PAGE_LINES:
                        yield page
                        page = []
                    hours = {}
                    page.append(CountedLine(line_id, from_json(text), hours))
                hours[hour] = {
                    meter: int(quantity) for meter, quantity in zip(self.meters, quantities, strict=True) if quantity
                }
        if page:
            yield page

    async def unheard(self, piece: int) -> set[int]:
        """Positions in a piece that a counter must not hear of, for it to count what is counted here."""
        return await self._positions("unheard positions", piece)

    async def idle(self, piece: int) -> set[int]:
        """Positions in a piece of the events that do not count."""
        return await self._positions("idle positions", piece)

    async def counted_as(self, piece: int) -> dict[int, tuple[Line, int]]:
        """The line and hour of the events in a piece that count under another line or hour than their own."""
        rows = await self._of_piece("counted under another line", piece)
        return {position: (from_json(text), hour) for position, text, hour in rows}

    async def folded(self, piece: int) -> dict[int, Line]:
        """The line of the events in a piece that are counted under the line of further names."""
        return {position: from_json(text) for position, text in await self._of_piece("folded events", piece)}

    async def _positions(self, statement: str, piece: int) -> set[int]:
        return {row[0] for row in await self._of_piece(statement, piece)}

    async def _of_piece(self, statement: str, piece: int) -> list[Row]:
        return await self.run(statement, {"first": piece * MAX_EVENTS, "last": (piece + 1) * MAX_EVENTS - 1})

    async def run(self, statement: str, values: Mapping[str, object]) -> list[Row]:
        """The rows that a statement gives."""
        assert self.engine is not None
        return await asyncio.to_thread(self.engine.run, statement, values)

    async def conflicting(self, limit: int) -> list[str]:
        """Calls about which the day's events differ, the first ones by their identity."""
        rows = await self.run("conflicting calls", {"limit": limit})
        return [str(row[0]).replace("-", "") for row in rows]


@asynccontextmanager
async def recount(
    ledger: Ledger,
    day: UtcDay,
    *,
    workers: int,
    named: NamedValues | None = None,
    most_names: int = MOST_NAMES,
    memory_limit_mb: int = 512,
    within: Mapping[str, int] | None = None,
) -> AsyncIterator[Recounted]:
    """Recount a day in `workers` processes (0: in this one), DuckDB within `memory_limit_mb` and on disk beyond.

    `named`: values that are never folded; None where it does not matter which lines calls are counted under. `within`:
    an extent of the ledger if later appends must not count. Nothing is left on disk when the context ends.
    """
    with (
        work_folder("recount") as folder,
        _engine(folder, memory_limit_mb) as engine,
        worker_pool(workers, first=gc.disable) as executor,  # reading makes no cycles to collect
    ):
        recounted = Recounted(day, engine=engine)
        try:
            blocks = ledger.stamped_blocks(day, within)
            await _read(blocks, recounted, folder, executor, ahead=max(1, workers) + 2)
            if named is not None:
                await asyncio.to_thread(fold_names, engine, folder, named, most_names)
            await asyncio.to_thread(find_what_counts, engine, folder, recounted.meters)
            await _leave_to_neighbours(ledger, recounted, folder, executor, ahead=max(1, workers) + 2)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(_total, engine, recounted)
        yield recounted


def _engine(folder: str, memory_limit_mb: int) -> Engine:
    engine = open_engine(
        "chargeback.services.usage",
        Path(folder, "recount.duckdb"),
        spill=Path(folder, "spill"),
        memory_limit_mb=memory_limit_mb,
        keeps_order=False,
    )
    tables = (
        ("events", _columns([Meter.REQUESTS])),
        ("lines", LINE_COLUMNS),
        ("claims", CLAIM_COLUMNS),
        ("neighbours", NEIGHBOUR_COLUMNS),
        ("elsewhere", {"position": "BIGINT"}),
        ("folded", {"position": "BIGINT", "line": "UUID"}),
    )
    for table, columns in tables:
        engine.run("create table", table=table, columns=column_definitions(columns))
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
    async for text, written in ledger_pieces(_noting_missing(blocks, recounted)):
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
    """Take out what a neighbouring day accounts for."""
    assert recounted.engine is not None
    engine = recounted.engine
    ((lowest,),) = await recounted.run("lowest phase", {})
    if lowest is None:
        return
    before, after = day_beside(recounted.day, -1), day_beside(recounted.day, 1)
    for day in (before, after) if lowest <= Phase.RECOVERED else (before,):
        try:
            await _recall(ledger, day, engine, folder, executor, ahead=ahead)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 whatever is wrong with another day, this one is counted
            recounted.without[day] = reason_of(error)
        await asyncio.to_thread(leave_to_neighbour, engine, is_before=day == before)
    await asyncio.to_thread(leave_out_elsewhere, engine)


async def _recall(ledger: Ledger, day: UtcDay, engine: Engine, folder: str, executor: Executor, *, ahead: int) -> None:
    """Load the calls of another day, never more than `ahead` pieces at once."""
    loop = asyncio.get_running_loop()
    reading: deque[asyncio.Future[str]] = deque()
    number = 0
    async for text, written in ledger_pieces(ledger.stamped_blocks(day)):
        reading.append(loop.run_in_executor(executor, recall, Piece(day, number, text, folder, written)))
        number += 1
        if len(reading) > ahead:
            await asyncio.to_thread(load_rows, engine, "neighbours", NEIGHBOUR_COLUMNS, [await reading.popleft()])
    if reading:
        paths = [await each for each in reading]
        await asyncio.to_thread(load_rows, engine, "neighbours", NEIGHBOUR_COLUMNS, paths)


_Written = tuple[tuple[int, int], ...]


async def ledger_pieces(blocks: AsyncIterator[LedgerBlock]) -> AsyncIterator[tuple[bytes, _Written]]:
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
    engine = recounted.engine
    for each in files:
        recounted.events += each.events
        recounted.unreadable.update(each.unreadable)
    by_meters: dict[tuple[Meter, ...], list[str]] = {}
    for each in files:
        by_meters.setdefault(each.meters, []).append(each.rows)
    for meters, paths in by_meters.items():
        for meter in set(meters).difference(recounted.meters):
            engine.run("add meter", meter=meter)
        recounted.meters = tuple(meter for meter in Meter if meter in (*meters, *recounted.meters))
        load_rows(engine, "events", _columns(meters), paths)
    load_rows(engine, "lines", LINE_COLUMNS, [each.lines for each in files])
    load_rows(engine, "claims", CLAIM_COLUMNS, [each.claims for each in files])


def _columns(meters: Iterable[Meter]) -> dict[str, str]:
    return _COLUMNS | dict.fromkeys(meters, "BIGINT")


def _total(engine: Engine, recounted: Recounted) -> None:
    ((recounted.calls, recounted.duplicates, recounted.conflicts),) = engine.run("totals")
