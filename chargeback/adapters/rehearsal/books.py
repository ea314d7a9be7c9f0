"""The books of a rehearsal: the records of the real ones, with what is written over them."""

import secrets
from collections.abc import AsyncIterator, Collection, Sequence

from chargeback.domain.errors import Superseded
from chargeback.domain.rating.usage_record import UsageRecord, ndjson, to_document
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.books import SUMS, Books, Posting, View
from chargeback.services.ports.control import Document

_ASKED_AT_ONCE = 100


class RehearsedBooks:
    """The port `Books`; days that nothing is written to are read as they are."""

    def __init__(self, books: Books) -> None:
        self.shards = books.shards
        self._books = books
        self._records: dict[UtcDay, dict[str, UsageRecord]] = {}
        self._postings: dict[UtcDay, dict[int, Posting]] = {}
        self._summaries: dict[tuple[UtcDay, View], tuple[Document, str]] = {}

    async def postings(self, day: UtcDay) -> dict[int, Posting]:
        """The fences of the day's shards."""
        return {**await self._books.postings(day), **self._postings.get(day, {})}

    async def postings_of(self, days: Collection[UtcDay]) -> dict[UtcDay, dict[int, Posting]]:
        """The fences of several days."""
        theirs = await self._books.postings_of(days)
        ours = {day: written for day, written in self._postings.items() if day in days}
        return {day: theirs.get(day, {}) | ours.get(day, {}) for day in {**theirs, **ours}}

    async def write(
        self,
        day: UtcDay,
        shard: int,
        after: Posting | None,
        posting: tuple[str | None, str],
        records: Sequence[UsageRecord],
    ) -> Posting:
        """Set the records and the fence here."""
        if (await self.postings(day)).get(shard) != after:
            raise Superseded(f"shard {shard} of {day} was written by another run")
        self._records.setdefault(day, {}).update({record.record_id: record for record in records})
        fence = Posting(*posting, secrets.token_hex(4))
        self._postings.setdefault(day, {})[shard] = fence
        return fence

    async def records(self, day: UtcDay) -> AsyncIterator[Sequence[UsageRecord]]:
        """The day's records, page by page."""
        ours = dict(self._records.get(day, {}))
        async for page in self._books.records(day):
            yield [ours.pop(record.record_id, record) for record in page] if ours else page
        if ours:
            yield list(ours.values())

    async def records_of(self, day: UtcDay, line_ids: Sequence[str]) -> Sequence[UsageRecord]:
        """The day's records of these lines."""
        ours = self._records.get(day, {})
        theirs = await self._books.records_of(day, [each for each in line_ids if each not in ours])
        return [*theirs, *(ours[each] for each in line_ids if each in ours)]

    async def count_records(self, day: UtcDay) -> int:
        """How many records the day has."""
        ours, known = list(self._records.get(day, {})), 0
        for start in range(0, len(ours), _ASKED_AT_ONCE):
            known += len(await self._books.records_of(day, ours[start : start + _ASKED_AT_ONCE]))
        return await self._books.count_records(day) + len(ours) - known

    async def documents(self, day: UtcDay) -> AsyncIterator[bytes]:
        """The day's records as NDJSON."""
        if day not in self._records:
            async for text in self._books.documents(day):
                yield text
            return
        async for page in self.records(day):
            yield ndjson(map(to_document, page))

    async def summary(self, day: UtcDay, view: View = SUMS) -> tuple[Document, str] | None:
        """The day's summary with its token."""
        return self._summaries.get((day, view)) or await self._books.summary(day, view)

    async def put_summary(self, day: UtcDay, summary: Document, after: str | None, view: View = SUMS) -> None:
        """Set the summary here."""
        known = await self.summary(day, view)
        if (known[1] if known else None) != after:
            raise Superseded(f"the summary of {day} was written by another run")
        self._summaries[day, view] = summary, secrets.token_hex(4)

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the real ones answer."""
        await self._books.ping()
