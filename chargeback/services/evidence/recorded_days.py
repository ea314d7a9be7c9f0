"""Copies each day of the books into the evidence as it is read, so that the evidence is what was charged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chargeback.domain.errors import Superseded
from chargeback.domain.reports.layout import evidence_usage_path
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.evidence.evidence_files import EvidenceFiles, pieces_of
from chargeback.services.parquet.row_groups import rows_in
from chargeback.services.publishing.staging import BookedDays
from chargeback.services.settled.settle_day import digest_of_file


@dataclass(frozen=True, slots=True)
class RecordedDays:
    """The days of the books for one publication; see `publishing.staging.BookedDays`."""

    books: BookedDays
    period: Month
    evidence: EvidenceFiles

    @asynccontextmanager
    async def rows(self, day: UtcDay) -> AsyncIterator[Path | None]:
        """The rows of a day, which are in the evidence then. Raises `Superseded` where it was another file before."""
        async with self.books.rows(day) as file:
            if file is not None:
                await self._record(day, file)
            yield file

    async def _record(self, day: UtcDay, file: Path) -> None:
        path = evidence_usage_path(self.period, day)
        known = self.evidence.indexed.get(path)
        if known is None:
            rows = await asyncio.to_thread(rows_in, file)
            await self.evidence.write(path, pieces_of(file), rows)
        elif known.sha256 != await asyncio.to_thread(digest_of_file, file):
            raise Superseded(f"the books of {day} changed while they were read")
