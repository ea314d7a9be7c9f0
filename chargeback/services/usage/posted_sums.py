"""Works out what a day's documents say after a posting from what the posting knows, without reading the day again.

Either the posting wrote every record of the day, and the sums are those of what it wrote. Or the documents were made
from the records that it found; then it takes off what it replaced and adds what it wrote.

Why this is exact with any number of runs at once and a kill between any two steps: a record is read after the fence of
its shard, and the shard is written on condition that its fence is still the same, so what was read is what was
replaced. The documents say which fence they are of, and are set on condition that they are still those that were read.
A run that knows less than it needs, or failed anywhere, leaves the documents to whoever reads the day.
"""

from collections.abc import Mapping, Sequence

from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.errors import Superseded
from chargeback.domain.periods.lifecycle import fence_of
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.books import Books, Posting
from chargeback.services.usage.day_documents import DayDocuments, DaySums, no_sums, put_documents, read_documents
from chargeback.services.usage.watched_spend import Watch


class PostedSums:
    """The sums of a day while one attempt at posting it goes on."""

    def __init__(
        self,
        books: Books,
        day: UtcDay,
        scopes: WatchedScopes,
        fences: Mapping[int, Posting],
        documents: DayDocuments,
        before: DaySums | None,
    ) -> None:
        """`before`: the sums of the records of these fences; None where the posting may write all of them."""
        self._books = books
        self._day = day
        self._tokens = {shard: fence.token for shard, fence in fences.items()}
        self._documents = documents
        self._before = before
        self._replaced = no_sums(day, scopes)
        self._written = no_sums(day, scopes)
        self._is_lost = False

    async def replaced_by(self, records: Sequence[UsageRecord]) -> Sequence[UsageRecord]:
        """The records in the books that a write of these is going to replace, as far as they are needed."""
        if self._before is None or self._is_lost:
            return ()
        try:
            return await self._books.records_of(self._day, [record.record_id for record in records])
        except Exception:  # noqa: BLE001 the day is posted all the same, and read again
            self._is_lost = True
            return ()

    def note(self, shard: int, fence: Posting, replaced: Sequence[UsageRecord], written: Sequence[UsageRecord]) -> None:
        """A shard was written: these records in place of those."""
        self._tokens[shard] = fence.token
        try:
            self._replaced.add(replaced)
            self._written.add(written)
        except Exception:  # noqa: BLE001 whatever is wrong with a record, whoever reads the day says it
            self._is_lost = True

    async def put(self, watch: Watch) -> bool:
        """Set the documents; whether they are set. Otherwise somebody has to read the day."""
        sums = None if self._is_lost else await self._sums()
        if sums is None:
            return False
        try:
            await put_documents(self._books, self._day, sums, fence_of(self._tokens), watch, self._documents)
        except Superseded:
            return False
        return True

    async def _sums(self) -> DaySums | None:
        if self._before is not None:
            return self._before.changed(self._replaced, self._written)
        # No record ever leaves the books. So if there are no more of them, they are those that were written.
        is_whole = await self._books.count_records(self._day) == self._written.summary.records
        return self._written if is_whole else None


async def begin_sums(
    books: Books, day: UtcDay, scopes: WatchedScopes, fences: Mapping[int, Posting], lines: int
) -> PostedSums | None:
    """The sums of a posting of so many lines that found these fences; None where the day has to be read in any case."""
    try:
        documents = await read_documents(books, day, scopes)
        fence = fence_of({shard: posting.token for shard, posting in fences.items()})
        before = documents.sums_of(day, fence, scopes)
    except Exception:  # noqa: BLE001 whatever is wrong with the documents, the day is posted
        return None
    if before is not None and before.summary.records <= lines:
        before = None
    return PostedSums(books, day, scopes, fences, documents, before)
