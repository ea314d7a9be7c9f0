"""Reads and sets the documents that are made of a day's records: its sums, the spend by the hour, and that of budgets.

Each says with a fence which records it was made from; the sums are set last.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.books import HOURS, SUMS, Books, View
from chargeback.services.ports.control import Document
from chargeback.services.running.together import together
from chargeback.services.usage.day_summary import DaySummary, sums_in_documents
from chargeback.services.usage.watched_spend import DaySpend, Watch, WatchedSums, put_spend, read_spend

_Known = tuple[Document, str] | None


class DaySums:
    """What the documents of a day say, as sums of its records."""

    def __init__(self, summary: DaySummary, watched: WatchedSums) -> None:
        self.summary = summary
        self.watched = watched

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Add a page of records."""
        self.summary.add(records)
        self.watched.add(records)

    def changed(self, replaced: "DaySums", written: "DaySums") -> "DaySums | None":
        """The sums after some of the records were replaced and others written; None where the sums do not tell."""
        summary = self.summary.changed(replaced.summary, written.summary)
        watched = self.watched.changed(replaced.watched, written.watched)
        return DaySums(summary, watched) if summary and watched else None


def no_sums(day: UtcDay, scopes: WatchedScopes) -> DaySums:
    """The sums of no record."""
    return DaySums(DaySummary(day), WatchedSums(scopes))


@dataclass(frozen=True, slots=True)
class DayDocuments:
    """The documents of a day as they were read, with the tokens on which they may be replaced.

    Attributes:
        spend: None, too, where no budget watches anything.
    """

    sums: _Known
    hours: _Known
    spend: DaySpend | None

    def sums_of(self, day: UtcDay, fence: str, scopes: WatchedScopes) -> DaySums | None:
        """What they say, if all are whole and were made from the records of this fence and for these scopes."""
        if self.sums is None or self.hours is None:
            return None
        (sums, _), (hours, _) = self.sums, self.hours
        # Documents of older versions of the product say neither how many records there are nor a fence of the hours.
        if "records" not in sums or {sums.get("fence"), hours.get("fence")} != {fence}:
            return None
        if not scopes.is_empty and (self.spend is None or not self.spend.is_made_of(fence, scopes)):
            return None
        if self.spend is not None and self.spend.unknown is None:
            return None
        summary = sums_in_documents(day, sums, hours)
        return DaySums(summary, WatchedSums(scopes, self.spend)) if summary else None


async def read_documents(books: Books, day: UtcDay, scopes: WatchedScopes) -> DayDocuments:
    """The documents of a day."""
    sums, hours, spend = await together(
        books.summary(day, SUMS), books.summary(day, HOURS), _no_spend() if scopes.is_empty else read_spend(books, day)
    )
    return DayDocuments(sums, hours, spend)


async def _no_spend() -> None:
    return None


async def put_documents(
    books: Books, day: UtcDay, sums: DaySums, fence: str, watch: Watch, before: DayDocuments
) -> None:
    """Set the documents in place of those that were read. Raises `Superseded` if another run set one of them since."""
    first: list[Awaitable[object]] = [
        _put(books, day, HOURS, sums.summary.hours_to_document() | {"fence": fence}, before.hours)
    ]
    if watch:
        first.append(put_spend(books, day, sums.watched.spend(fence, watch.counted), before.spend))
    await together(*first)
    await _put(books, day, SUMS, sums.summary.to_document() | {"fence": fence}, before.sums)


async def _put(books: Books, day: UtcDay, view: View, document: Document, known: _Known) -> None:
    if known is None or known[0] != document:
        await books.put_summary(day, document, known[1] if known else None, view)
