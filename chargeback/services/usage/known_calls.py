"""Whether the counter has counted all of a day's ledger: only then can it say that a call has no event.

After Redis lost a day, and before a posting has counted the ledger again, it does not know calls that were accounted
for. A posting that has done so sets the counter's epoch into every fence of the day.
"""

from collections.abc import Mapping

from chargeback.services.ports.books import Posting


def is_counted_whole(fences: Mapping[int, Posting], epoch: str | None, shards: int) -> bool:
    """Whether every shard of a day was posted from a count with this epoch, hence from the whole ledger."""
    return epoch is not None and len(fences) == shards and {fence.epoch for fence in fences.values()} == {epoch}
