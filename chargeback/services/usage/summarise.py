"""Keeps the documents that are made of a day's records up to date: its sums, the spend by the hour, that of budgets."""

import logging

from chargeback.domain.errors import Superseded
from chargeback.domain.time.days import UtcDay
from chargeback.log_line import log_line
from chargeback.services.ports.books import SUMS, Books
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.day_fence import fence_of_day
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.usage.day_documents import DayDocuments, DaySums, no_sums, put_documents, read_documents
from chargeback.services.usage.posted_sums import PostedSums
from chargeback.services.usage.watched_spend import NO_WATCH, Watch, refresh_spend

log = logging.getLogger(__name__)


async def summarise_or_set_aside(
    books: Books,
    day: UtcDay,
    set_aside: SetAside,
    watch: Watch = NO_WATCH,
    *,
    posted: PostedSums | None = None,
    afresh: bool = False,
) -> None:
    """Refresh the documents; a day that cannot be summarised is posted and audited all the same.

    Whoever needs its sums to be right sees by their fence that they are outdated. `posted`: what a posting knows of
    them; `afresh`: add the records up again even where the documents seem to be made from them.
    """
    fault = {}
    try:
        if posted is None or not await posted.put(watch):
            await (summarise if afresh else refresh_summary)(books, day, watch)
    except Exception as error:  # noqa: BLE001 whatever is wrong with the summary, the records are in the books
        fault = {"summary": reason_of(error)}
    await set_aside.note(Stage.SUMMARISE, day, fault)


async def refresh_summary(books: Books, day: UtcDay, watch: Watch = NO_WATCH) -> None:
    """Summarise a day unless its documents were made from the books as they are now.

    A run that died between the records and the documents left the earlier documents.
    """
    fence = await fence_of_day(books, day)
    known = await books.summary(day, SUMS)
    if fence and (known is None or known[0].get("fence") != fence):
        await summarise(books, day, watch)
    elif fence and watch:
        await refresh_spend(books, day, watch)


async def summarise(books: Books, day: UtcDay, watch: Watch = NO_WATCH) -> None:
    """Set the day's documents from its records.

    The tokens of all are read before the records are, so a run that read older records cannot replace what one that
    read newer ones has set. The fence of the books is read before them, too: the documents say with it what they were
    made from.
    """
    while True:
        before = await read_documents(books, day, watch.scopes)
        fence = await fence_of_day(books, day)
        sums = no_sums(day, watch.scopes)
        async for page in books.records(day):
            sums.add(page)
        _say_what_was_wrong(day, sums, fence, before)
        try:
            await put_documents(books, day, sums, fence, watch, before)
        except Superseded:
            continue
        return


def _say_what_was_wrong(day: UtcDay, sums: DaySums, fence: str, before: DayDocuments) -> None:
    """Documents that were worked out from a change say what the records do, or there is a defect."""
    known = before.sums[0] if before.sums else {}
    if "records" in known and known["fence"] == fence and known != sums.summary.to_document() | {"fence": fence}:
        log_line(log, "summary_differed", level=logging.ERROR, day=day)
