"""The ports for the posted books and for the owners of stored objects.

Every method may raise `StoreUnavailable`; days are UTC days as `YYYY-MM-DD`.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from chargeback.domain.events.stored_objects import StoredObject
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.control import Document

SUMS: Final = "summary"
HOURS: Final = "hours"
BUDGETS: Final = "budgets"
SETTLED: Final = "settled"
View = Literal["summary", "hours", "budgets", "settled"]
"""The documents that are made of a day's records: their sums, the spend of each hour, that of budgets' scopes, and
which file holds the records once they are settled.
"""


@dataclass(frozen=True, slots=True)
class Posting:
    """The fence of one shard of a day: what the shard was last written from, and the token of that write.

    Attributes:
        epoch: the counter's epoch whose lines are posted; None where the ledger was posted directly.
        catalogue: digest of the catalogue that rated the records.
        token: changes with every write of the shard.
    """

    epoch: str | None
    catalogue: str
    token: str


class Books(Protocol):
    """The posted view: usage records by day, written in shards, each behind a fence.

    A shard is written in one piece with its fence, on condition that nobody wrote it since the fence was read.
    Values that are read after the fence and written on that condition can therefore never replace newer ones.
    """

    shards: int

    async def postings(self, day: UtcDay) -> dict[int, Posting]:
        """The fences of the day's shards; a shard never written is absent."""

    async def postings_of(self, days: Collection[UtcDay]) -> dict[UtcDay, dict[int, Posting]]:
        """The fences of several days, a hundred at most, by one question; a day never written is absent."""

    async def write(
        self,
        day: UtcDay,
        shard: int,
        after: Posting | None,
        posting: tuple[str | None, str],
        records: Sequence[UsageRecord],
    ) -> Posting:
        """Set the records and the fence, to (epoch, catalogue digest).

        Raises `Superseded` if `after` is not the latest fence, `RecordsRefused` where the store will never take some
        records, such as one that is too large: the others and the fence are written then.
        """

    def records(self, day: UtcDay) -> AsyncIterator[Sequence[UsageRecord]]:
        """The day's records, page by page, in no particular order."""

    async def records_of(self, day: UtcDay, line_ids: Sequence[str]) -> Sequence[UsageRecord]:
        """The day's records of these lines, a hundred at most, in no particular order."""

    async def count_records(self, day: UtcDay) -> int:
        """How many records the day has."""

    def documents(self, day: UtcDay) -> AsyncIterator[bytes]:
        """The same records as stored (`domain.rating.usage_record.to_document`): pages of NDJSON, each line ended."""

    async def summary(self, day: UtcDay, view: View = SUMS) -> tuple[Document, str] | None:
        """The day's summary with its token."""

    async def put_summary(self, day: UtcDay, summary: Document, after: str | None, view: View = SUMS) -> None:
        """Set the summary. Raises `Superseded` if `after` is not the token of the latest."""

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the store answers."""


class StoredObjects(Protocol):
    """Who owns which stored object: an index that can always be rebuilt from the ledger."""

    async def add(self, objects: Sequence[StoredObject]) -> None:
        """Keep the objects; one that is already known keeps its first owner."""

    async def find(self, ids: Collection[str]) -> Mapping[str, StoredObject]:
        """The objects among these that are known, by id."""
