"""One fence for all records of a day: whatever is made from them says with it which records these were."""

from chargeback.domain.periods.lifecycle import fence_of
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.books import Books


async def fence_of_day(books: Books, day: UtcDay) -> str:
    """The fence of a day's records; empty where nothing was ever written."""
    postings = await books.postings(day)
    return fence_of({shard: posting.token for shard, posting in postings.items()}) if postings else ""
