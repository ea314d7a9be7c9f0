"""Posts the counted days: rates what Redis counts and sets it in the books; posting twice changes nothing.

Why it is safe with any number of runs at once and with a kill between any two steps: a shard's fence is read
before its lines are, and the records are written together with a new fence on condition that the fence is still the
one that was read. What is written was therefore read after everything written before it.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.errors import CountFull, CountLost, LedgerShort, Superseded
from chargeback.domain.events.usage_event import UsageEvent
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.lines import Line
from chargeback.log_line import log_line
from chargeback.services.ports.books import Books, Posting
from chargeback.services.ports.control import Catalogues, Control
from chargeback.services.ports.counter import CountedLine, CountedSpend, Counter
from chargeback.services.ports.ledger import Ledger
from chargeback.services.running.bulkheads import do_each, say_nothing
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.running.together import together
from chargeback.services.usage.audit_results import AuditResult, AuditResults
from chargeback.services.usage.estimate_spend import SpendEstimator
from chargeback.services.usage.ingest import open_days
from chargeback.services.usage.known_calls import is_counted_whole
from chargeback.services.usage.ledger_parts import LedgerParts
from chargeback.services.usage.post_shards import ShardPoster, shard_of
from chargeback.services.usage.posted_sums import PostedSums, begin_sums
from chargeback.services.usage.replay_day import heard_events
from chargeback.services.usage.restored_books import RestoredBooks
from chargeback.services.usage.shortfall import require_parts
from chargeback.services.usage.summarise import summarise_or_set_aside
from chargeback.services.usage.watched_spend import Watch, known_spend, less

log = logging.getLogger(__name__)

_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Posted:
    """The result of posting a day.

    Attributes:
        day: the day.
        records: records set.
        replayed: events counted again from the ledger because Redis did not have the day.
        unpriced: records with a meter that no price covers.
        unsettled: records whose tokens are not known yet.
        set_aside: lines that could not be rated or that the books will not take, or 1 for a day whose ledger lacks
            something; each run tries them again.
    """

    day: UtcDay
    records: int = 0
    replayed: int = 0
    unpriced: int = 0
    unsettled: int = 0
    set_aside: int = 0


class Poster:
    """Posts days."""

    def __init__(
        self, ledger: Ledger, counter: Counter, books: Books, control: Control, catalogues: Catalogues
    ) -> None:
        self._ledger = ledger
        self._counter = counter
        self._books = books
        self._catalogues = catalogues
        self._set_aside = SetAside(control)
        self._audits = AuditResults(control)
        self._parts = LedgerParts(ledger, control)
        self._restored = RestoredBooks(ledger, counter, control)

    async def post(self, now: datetime, report: Callable[[Posted], None] = say_nothing) -> list[Posted]:
        """Post every open day; the outcome of those that had anything to post, each also reported as it is done.

        Raises `SomeFailed` after all days were tried.
        """
        in_force = await self._catalogues.in_force()

        def report_what_was_done(posted: Posted) -> None:
            if _did_anything(posted):
                report(posted)

        async with self._restored.watching(now):
            posted = await do_each(
                "posting", open_days(now), lambda day: self._post_again(day, in_force), report_what_was_done
            )
        return [each for each in posted if _did_anything(each)]

    async def post_day(self, day: UtcDay, in_force: EffectiveCatalogues, now: datetime) -> Posted:
        """Post one day, again if another run or a flushed Redis got in the way.

        Raises `Superseded` or `CountLost` only if that happens several times in a row; the next run goes on then.
        """
        async with self._restored.watching(now):
            return await self._post_again(day, in_force)

    async def _post_again(self, day: UtcDay, in_force: EffectiveCatalogues) -> Posted:
        scopes = (await self._catalogues.terms()).watched
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                posted, counted, sums = await self._post_day(day, in_force, scopes)
            except (Superseded, CountLost) as error:
                if attempt == _ATTEMPTS:
                    raise
                log_line(log, "post_again", day=day, attempt=attempt, reason=error)
                await asyncio.sleep(0.05 * attempt)
            except LedgerShort as error:
                log_line(log, "ledger_short", level=logging.ERROR, day=day, reason=error)
                await self._set_aside.note(Stage.POST, day, {"ledger": str(error)})
                return Posted(day, set_aside=1)
            else:
                await summarise_or_set_aside(self._books, day, self._set_aside, Watch(scopes, counted), posted=sums)
                return posted
        raise AssertionError("unreachable")

    async def _post_day(
        self, day: UtcDay, in_force: EffectiveCatalogues, scopes: WatchedScopes
    ) -> tuple[Posted, CountedSpend | None, PostedSums | None]:
        """The result of posting, the spend before the lines were read, if a budget watches it, and the day's sums.

        What lines spent that are not in the books is left out of the spend, so that budgets go on counting it.
        """
        fences = await self._books.postings(day)
        epoch, replayed = await self._epoch(day, fences, in_force, scopes)
        if epoch is None:
            return Posted(day), None, None
        counted = None if scopes.is_empty else await self._counter.spend(day)
        touched = 0
        posting = (epoch, in_force.digest(day))
        if {(fence.epoch, fence.catalogue) for fence in fences.values()} != {posting} or self._lacks_one(fences):
            # What the counter calls posted was posted elsewhere, or with other prices.
            touched = await self._counter.touch(day)
        changed = await self._counter.changed_lines(day)
        is_other = changed is None or changed.epoch != epoch or (counted is not None and counted.epoch != epoch)
        if changed is None or is_other or changed.version < touched:
            raise CountLost(f"{day} is no longer counted under epoch {epoch}")
        shards: dict[int, dict[str, int]] = {shard: {} for shard in range(self._books.shards)}
        for identity, version in changed.lines.items():
            shards[shard_of(identity, self._books.shards)][identity] = version
        gone = await self._gone(day, epoch, fences, changed.lines)
        lines = len(changed.lines)
        sums = await begin_sums(self._books, day, scopes, fences, lines) if lines else None
        run = ShardPoster(self._counter, self._books, day, epoch, in_force, sums)
        await together(
            *(run.post_shard(shard, lines, fences.get(shard), gone.get(shard, ())) for shard, lines in shards.items())
        )
        await self._set_aside.note(Stage.POST, day, run.refused)
        posted = Posted(
            day,
            records=run.records,
            replayed=replayed,
            unpriced=run.unpriced,
            unsettled=run.unsettled,
            set_aside=len(run.refused),
        )
        if counted is not None:
            counted = less(known_spend(counted), _spend_of(day, run.left_out, SpendEstimator(in_force, scopes)))
        return posted, counted, sums

    async def _gone(
        self, day: UtcDay, epoch: str, fences: Mapping[int, Posting], counted: Container[str]
    ) -> dict[int, list[Line]]:
        """By shard, the lines in the books that are no longer counted since Redis lost the day.

        A stream that was posted as pending and settled after the loss: counted again, it is on its new line alone.
        Every line of a shard that was not yet written under this epoch is among the changed ones.
        """
        stale = {shard for shard, fence in fences.items() if fence.epoch != epoch}
        gone: dict[int, list[Line]] = {}
        if not stale:
            return gone
        async for page in self._books.records(day):
            for record in page:
                shard = shard_of(record.record_id, self._books.shards)
                if shard in stale and record.charges and record.record_id not in counted:
                    gone.setdefault(shard, []).append(record.line)
        return gone

    def _lacks_one(self, fences: Mapping[int, Posting]) -> bool:
        return len(fences) != self._books.shards

    async def _epoch(
        self, day: UtcDay, fences: Mapping[int, Posting], in_force: EffectiveCatalogues, scopes: WatchedScopes
    ) -> tuple[str | None, int]:
        """The counter's epoch, with the ledger counted again under it unless every shard was posted from it before.

        Raises `LedgerShort` where the ledger has less than it had: the books know more than a count of it would.
        """
        epoch = await self._counter.epoch(day)
        if is_counted_whole(fences, epoch, self._books.shards):
            return epoch, 0
        extent, (audit, _) = await self._ledger.extent(day), await self._audits.get(day)
        require_parts(day, audit, await self._parts.known(day), extent)
        if epoch is None and not extent:
            return None, 0
        # Read before the ledger is: a count that is lost meanwhile goes on under another one.
        epoch = await self._counter.begin(day)
        return epoch, await self._replay(day, SpendEstimator(in_force, scopes), audit)

    async def _replay(self, day: UtcDay, estimator: SpendEstimator, audit: AuditResult | None) -> int:
        replayed = 0
        async with aclosing(heard_events(self._ledger, day, estimator.in_force.named, audit)) as pieces:
            async for events in pieces:
                await self._count_anew(day, events, estimator)
                replayed += len(events)
        return replayed

    async def _count_anew(self, day: UtcDay, events: Sequence[UsageEvent], estimator: SpendEstimator) -> None:
        try:
            await self._counter.count(day, events, estimator.estimate)
        except CountFull as error:
            # The rest of the day is posted all the same; the audit brings in what Redis has no room for.
            log_line(log, "count_full", level=logging.WARNING, day=day, left_out=error.left_out)
            await self._ledger.mark(day)


def _spend_of(day: UtcDay, lines: Iterable[CountedLine], estimator: SpendEstimator) -> dict[str, int]:
    """What lines spent, by field; one that cannot be estimated either spends nothing."""
    found: dict[str, int] = {}
    for each in lines:
        with suppress(Exception):  # the posting says already what is wrong with the line
            for name, spend in estimator.of_line(day, each).items():
                found[name] = found.get(name, 0) + spend
    return found


def _did_anything(posted: Posted) -> bool:
    return bool(posted.records or posted.replayed or posted.set_aside)
