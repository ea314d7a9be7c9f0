"""Loads the usage records of a period into the database, as stored documents, without a Python object for each."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chargeback.domain.errors import Superseded
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.ports.books import Books
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.running.progress import Progress

LOAD_BYTES = 32 * 1024 * 1024
"""Documents are loaded in pieces of about this size, so that memory stays small."""


class DateFilter(NamedTuple):
    """Which charges of a document are taken: an SQL condition on `part.date`, and the values in it."""

    condition: str
    values: Mapping[str, object]


async def stage(
    engine: PeriodEngine, books: Books, days: Sequence[UtcDay], dates: DateFilter, progress: Progress
) -> int:
    """Load the charges of the UTC days' records whose date passes the filter; tells how many.

    Raises `Superseded` where a line comes twice, because the books changed while they were read.
    """
    await asyncio.to_thread(engine.run, "staging tables")
    staging = _Staging(engine, dates, progress)
    for day in days:
        async for page in books.documents(day):
            await staging.add(page)
        await staging.end_day()
    await staging.check()
    return staging.charges


def period_filter(period: Month) -> DateFilter:
    """The dates of a period."""
    return DateFilter("part.date[:7] = $period", {"period": period})


def dates_filter(dates: Sequence[BookDate]) -> DateFilter:
    """These dates."""
    return DateFilter("list_contains($dates, part.date)", {"dates": list(dates)})


class _Staging:
    """Collects pages in a file until they are worth a load."""

    def __init__(self, engine: PeriodEngine, dates: DateFilter, progress: Progress) -> None:
        self._engine = engine
        self._dates = dates
        self._progress = progress
        self._file = engine.folder / "documents.ndjson"
        self._size = 0
        self.charges = 0

    async def add(self, page: bytes) -> None:
        with self._file.open("ab") as file:
            file.write(page)
        self._size += len(page)
        if self._size >= LOAD_BYTES:
            await self._load()

    async def end_day(self) -> None:
        """Short days are loaded and checked together."""
        if self._size >= LOAD_BYTES // 2:
            await self.check()

    async def check(self) -> None:
        """Load what is left; no line of a day may have come twice by now."""
        await self._load()
        if twice := await asyncio.to_thread(self._engine.run, "twice"):
            day, line = twice[0]
            raise Superseded(f"the books of {day} changed while they were read: line {line} came twice")
        await asyncio.to_thread(self._engine.run, "forget seen")

    async def _load(self) -> None:
        if self._size:
            self._size = 0
            self.charges += await asyncio.to_thread(self._insert)
            self._progress("reading", self.charges)

    def _insert(self) -> int:
        try:
            path = {"path": str(self._file)}
            self._engine.run("read documents", path | dict(self._dates.values), dates=self._dates.condition)
            if self._engine.run("new dimension sets")[0][0]:
                self._engine.run("add dimension sets", path)
            return int(self._engine.run("add charges")[0][0])
        finally:
            self._file.unlink()
