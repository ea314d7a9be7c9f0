"""Reads days from their files where these equal the books, and from the books where they do not.

Which of the two a figure came from changes no figure: the file is made from the same documents, by the same statements.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.days import UtcDay
from chargeback.log_line import log_line
from chargeback.services.ports.books import Books
from chargeback.services.ports.settled import SettledFiles
from chargeback.services.running.day_fence import fence_of_day
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.pack import pack_records
from chargeback.services.settled.pointer import Pointer, current_pointer
from chargeback.services.settled.settle_day import digest_of_file
from chargeback.services.settled.unpack import unpack_records

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SettledDays:
    """The days of the books, of which the settled ones are files."""

    books: Books
    files: SettledFiles

    @asynccontextmanager
    async def open(self, day: UtcDay) -> AsyncIterator[Path | None]:
        """The file of a day as a local one, while the context lasts; None where the books have to be read.

        A file that is missing or is not what its pointer says is never used; the audit writes it again.
        """
        pointer = await current_pointer(self.books, day)
        if pointer is None:
            yield None
            return
        with work_folder("settled") as folder:
            file = Path(folder, "records.parquet")
            yield file if await self._fetch(day, pointer, file) else None

    @asynccontextmanager
    async def rows(self, day: UtcDay) -> AsyncIterator[Path | None]:
        """The rows of any day as a local file with the columns of `domain.reports.settled`, while the context lasts.

        None for a day that the books never had anything of, as most days of a month under way are. Raises `Superseded`
        where the day is read from the books and these change meanwhile, and `ValueError` where an amount there has too
        many digits.
        """
        async with self.open(day) as settled:
            if settled is not None:
                yield settled
                return
        if not await fence_of_day(self.books, day):
            yield None
            return
        with work_folder("settled") as folder:
            file = Path(folder, "records.parquet")
            await pack_records(day, self.books.documents(day), Path(folder), file)
            yield file

    async def records(self, day: UtcDay, like: Mapping[str, str] | None = None) -> AsyncIterator[Sequence[UsageRecord]]:
        """The records of any day, page by page.

        Those without usage may be left out, and so may those of lines that have other values than `like` has, by column
        of `domain.reports.settled`: whoever asks looks for certain lines alone.
        """
        async with self.open(day) as settled:
            async for page in self.books.records(day) if settled is None else unpack_records(day, settled, like):
                yield page

    async def _fetch(self, day: UtcDay, pointer: Pointer, file: Path) -> bool:
        fault = ""
        if not await self.files.fetch(pointer.path, file):
            fault = "there is no such file"
        elif await asyncio.to_thread(digest_of_file, file) != pointer.sha256:
            fault = "it is not what was written"
        if fault:
            log_line(log, "settled_day_unusable", level=logging.WARNING, day=day, path=pointer.path, reason=fault)
        return not fault
