"""Posts the shards of a day: reads lines that changed, rates them, and sets their records behind the shard's fence."""

from collections.abc import Container, Iterable, Mapping, Sequence

from chargeback.domain.errors import RecordsRefused
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.lines import Line
from chargeback.services.ports.books import Books, Posting
from chargeback.services.ports.counter import CountedLine, Counter
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.usage.posted_sums import PostedSums

RECORDS_PER_WRITE = 90
"""A Cosmos batch holds 100 operations and 2 MB; a record of a full day has about 10 KB at most."""


class ShardPoster:
    """One attempt at posting the shards of a day."""

    def __init__(
        self,
        counter: Counter,
        books: Books,
        day: UtcDay,
        epoch: str,
        in_force: EffectiveCatalogues,
        sums: PostedSums | None,
    ) -> None:
        self._counter = counter
        self._books = books
        self._day = day
        self._epoch = epoch
        self._in_force = in_force
        self._sums = sums
        self.refused: dict[str, str] = {}
        """Line id → why it is not in the books; it stays changed, so that the next run tries it again."""
        self.left_out: list[CountedLine] = []
        """The lines that are not in the books."""
        self.records = self.unpriced = self.unsettled = 0
        """Records that were set, and those of them that have no price or whose tokens are not known yet."""

    async def post_shard(
        self, shard: int, lines: Mapping[str, int], fence: Posting | None, gone: Sequence[Line]
    ) -> None:
        """Set the records of a shard's changed lines and of those that are gone."""
        posting = (self._epoch, self._in_force.digest(self._day))
        identities = list(lines)
        for start in range(0, len(gone), RECORDS_PER_WRITE):
            assert fence is not None
            empty = [rate(self._day, line, {}, self._in_force) for line in gone[start : start + RECORDS_PER_WRITE]]
            # Still under the old epoch: after a kill in between, the next run has to look for what is gone again.
            fence = await self._write(shard, fence, (fence.epoch, fence.catalogue), empty)
        for start in range(0, len(identities), RECORDS_PER_WRITE):
            some = identities[start : start + RECORDS_PER_WRITE]
            counted = await self._counter.lines(self._day, self._epoch, some)
            records, faults = rate_lines(self._day, counted, self._in_force)
            self.refused |= faults
            fence = await self._write(shard, fence, posting, records)
            self.left_out += [each for each in counted if each.line_id in self.refused]
            versions = {identity: lines[identity] for identity in some if identity not in self.refused}
            await self._counter.mark_posted(self._day, self._epoch, versions)
        if fence is None or (fence.epoch, fence.catalogue) != posting:
            await self._write(shard, fence, posting, ())

    async def _write(
        self, shard: int, fence: Posting | None, posting: tuple[str | None, str], records: Sequence[UsageRecord]
    ) -> Posting:
        """Set records behind the fence; returns the new one."""
        replaced = await self._sums.replaced_by(records) if self._sums else ()
        try:
            fence = await self._books.write(self._day, shard, fence, posting, records)
        except RecordsRefused as error:
            fence = Posting(*posting, error.token)
            self.refused |= error.refused
            records, replaced = _without(error.refused, records), _without(error.refused, replaced)
        if self._sums:
            self._sums.note(shard, fence, replaced, records)
        self.records += len(records)
        self.unpriced += sum(record.is_unpriced for record in records)
        self.unsettled += sum(record.is_unsettled for record in records)
        return fence


def _without(refused: Container[str], records: Iterable[UsageRecord]) -> list[UsageRecord]:
    return [record for record in records if record.record_id not in refused]


def rate_lines(
    day: UtcDay, lines: Iterable[CountedLine], in_force: EffectiveCatalogues
) -> tuple[list[UsageRecord], dict[str, str]]:
    """The rated lines, and the reasons of those that cannot be rated: no line keeps another from being billed."""
    records: list[UsageRecord] = []
    faults: dict[str, str] = {}
    for each in lines:
        try:
            records.append(rate(day, each.line, each.hours, in_force))
        except Exception as error:  # noqa: BLE001 whatever is wrong with one line
            faults[each.line_id] = f"cannot be rated: {reason_of(error)}"
    return records, faults


def shard_of(line_id: str, shards: int) -> int:
    """The shard of the books that holds a line."""
    return int(line_id[:4], 16) % shards


def by_shard(records: Sequence[UsageRecord], shards: int) -> dict[int, list[UsageRecord]]:
    """The records grouped by the shard that holds them."""
    grouped: dict[int, list[UsageRecord]] = {}
    for record in records:
        grouped.setdefault(shard_of(record.record_id, shards), []).append(record)
    return grouped
