"""Audits a day: recounts it from the ledger alone, compares it with the books, and corrects the books."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b

import msgspec

from chargeback.domain.errors import LedgerShort, RecordsRefused, Superseded
from chargeback.domain.money.exact import EXACT, ZERO, to_text, total
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord, to_document
from chargeback.domain.time.days import UtcDay, utc_day
from chargeback.log_line import log_line
from chargeback.services.ports.books import Books, Posting
from chargeback.services.ports.control import Catalogues, Control
from chargeback.services.ports.counter import Counter
from chargeback.services.ports.ledger import Ledger
from chargeback.services.ports.settled import SettledFiles
from chargeback.services.running.bulkheads import do_each, say_nothing
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.running.together import together
from chargeback.services.settled.keep_settled import SettledUpkeep
from chargeback.services.usage.audit_results import AcceptedLoss, AuditResult, AuditResults
from chargeback.services.usage.ingest import is_open, open_days
from chargeback.services.usage.ledger_parts import LedgerParts
from chargeback.services.usage.post import Poster
from chargeback.services.usage.post_shards import by_shard, rate_lines
from chargeback.services.usage.recount import Recounted, recount
from chargeback.services.usage.restored_books import RestoredBooks
from chargeback.services.usage.shortfall import parts_to_remember, require_events, require_parts
from chargeback.services.usage.summarise import summarise_or_set_aside
from chargeback.services.usage.watched_spend import Watch

log = logging.getLogger(__name__)

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Audited:
    """The result of auditing a day.

    Attributes:
        events: events in the ledger.
        calls: calls that they account for.
        duplicates: events that repeat another one.
        conflicts: the duplicates that contradict the event they repeat.
        unreadable: events that cannot be read any more.
        drift_lines: lines on which the books differed, and were corrected.
        drift_cost: what the ledger says minus what the books said, exact decimal text.
        currency: that of `drift_cost`.
        set_aside: lines that could not be rated or that the books will not take.
        unpriced: lines of the day with a meter that no price covers.
        unsettled: lines of the day whose tokens are not known yet.
    """

    day: UtcDay
    events: int
    calls: int
    duplicates: int
    conflicts: int
    unreadable: int
    drift_lines: int
    drift_cost: str
    currency: str
    set_aside: int = 0
    unpriced: int = 0
    unsettled: int = 0


class Auditor:
    """Audits days."""

    def __init__(
        self,
        ledger: Ledger,
        counter: Counter,
        books: Books,
        control: Control,
        catalogues: Catalogues,
        poster: Poster,
        files: SettledFiles | None = None,
        *,
        workers: int = 0,
    ) -> None:
        """`files`: where days that are no longer open are kept as columns, beside the books."""
        self._ledger = ledger
        self._counter = counter
        self._books = books
        self._results = AuditResults(control)
        self._parts = LedgerParts(ledger, control)
        self._catalogues = catalogues
        self._poster = poster
        self._workers = workers
        self._set_aside = SetAside(control)
        self._restored = RestoredBooks(ledger, counter, control)
        self._upkeep = SettledUpkeep(books, files, control) if files is not None else None

    async def audit(self, now: datetime, report: Callable[[Audited], None] = say_nothing) -> list[Audited]:
        """Audit every day that is due, each also reported as it is done; then bring the files of old days up to date.

        Raises `SomeFailed` after all days were tried.
        """
        try:
            return await do_each("auditing", await self.due(now), lambda day: self.audit_day(day, now), report)
        finally:
            await self.keep_settled()

    async def keep_settled(self) -> None:
        """Write the files of all days whose audit is final, and of their months, where they are not of these books."""
        if self._upkeep is not None:
            await self._upkeep.keep([day for day, each in (await self._results.all()).items() if each.final])

    async def due(self, now: datetime) -> list[UtcDay]:
        """The days to audit: marked ones, ended ones that are still open, ended ones without a final audit or of which
        something is set aside.

        A run may end before all is done. What nobody does again comes first: final audits, then the open days. Old
        days that were marked come last, and of these the one whose audit is longest ago first.
        """
        today = utc_day(now)
        audits = await self._results.all()
        final = {day for day, each in audits.items() if each.final}
        left = {
            UtcDay(each.day)
            for each in await self._set_aside.all()
            if each.stage in (Stage.POST, Stage.AUDIT, Stage.SUMMARISE)
        }
        done = final - left
        # A day that was audited or posted had events: also where all of its ledger is gone.
        known = {*await self._ledger.days(), *audits, *await self._posted(open_days(now))}
        ended = [day for day in known if day < today and (is_open(day, now) or day not in done)]
        # Also a day without events: posting it may have left something to be tried again.
        again = [day for day in left if not is_open(day, now)]
        seldom = {day: (audits[day].at if day in audits else "", day) for day in {*again, *await self._ledger.marks()}}
        first = sorted(ended, key=lambda day: (is_open(day, now), day))
        return [*first, *sorted(seldom.keys() - {*ended}, key=lambda day: seldom[day])]

    async def unaudited_days(self, days: Sequence[UtcDay], since: datetime) -> list[UtcDay]:
        """The days among these that were marked, or not audited since then with what rates them now."""
        in_force = await self._catalogues.in_force()
        marks, audits = await together(self._ledger.marks(), self._results.all())
        kept = {*audits, *await self._posted([day for day in days if day not in audits])}
        if not kept.issuperset(days):  # listing the ledger takes longest: what had events was mostly audited or posted
            kept.update(await self._ledger.days())
        return [
            day
            for day in days
            if day in marks or (day in kept and not _holds(audits.get(day), since, in_force.digest(day)))
        ]

    async def _posted(self, days: Sequence[UtcDay]) -> set[UtcDay]:
        """The days among these that have ever been posted."""
        return {*await self._books.postings_of(days)}

    async def is_whole(self, day: UtcDay) -> bool:
        """Whether the ledger still has all that the last audit of a day read there."""
        before, _ = await self._results.get(day)
        try:
            require_parts(day, before, await self._parts.known(day), await self._ledger.extent(day))
        except LedgerShort:
            return False
        return day in await self._ledger.days()

    async def marks(self, days: Collection[UtcDay]) -> dict[UtcDay, str]:
        """The days among these that wait for an audit, each with the token of its latest mark."""
        return {day: token for day, token in (await self._ledger.marks()).items() if day in days}

    async def audit_day(self, day: UtcDay, now: datetime) -> Audited:
        """Audit one day, again if a posting wrote meanwhile. Raises `Superseded` if that happens every time."""
        async with self._restored.watching(now):
            return await self._audit_again(day, now)

    async def _audit_again(self, day: UtcDay, now: datetime) -> Audited:
        corrected: list[Audited] = []
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._attempt(day, now, corrected)
            except LedgerShort as error:
                log_line(log, "ledger_short", level=logging.ERROR, day=day, reason=error)
                await self._set_aside.note(Stage.AUDIT, day, {"ledger": str(error)})
                raise
            except Superseded as error:
                if attempt == _ATTEMPTS:
                    raise
                log_line(log, "audit_again", day=day, attempt=attempt, reason=error)
        raise AssertionError("unreachable")

    async def _attempt(self, day: UtcDay, now: datetime, corrected: list[Audited]) -> Audited:
        """One audit, kept unless another one ended meanwhile; `corrected` has what earlier attempts did."""
        mark = (await self._ledger.marks()).get(day)
        before, token = await self._results.get(day)
        extent = await self._ledger.extent(day)
        if mark is not None:
            # A mark may say that another configuration is in force, and what we remember may be a minute old.
            await self._catalogues.version()
        in_force = await self._catalogues.in_force()
        require_parts(day, before, await self._parts.known(day), extent)
        corrected.append(await self._audit(day, now, before, in_force))
        watch = Watch((await self._catalogues.terms()).watched)
        await summarise_or_set_aside(self._books, day, self._set_aside, watch, afresh=True)
        if self._upkeep is not None and not is_open(day, now):
            await self._upkeep.settle(day)
        audited = _together(corrected)
        result = AuditResult(
            **asdict(audited),
            at=now.isoformat(),
            final=not is_open(day, now),
            rated_with=in_force.digest(day),
            extent=parts_to_remember(extent),
            losses=before.losses if before else (),
        )
        await self._results.swap(result, token)
        if mark is not None:
            await self._ledger.unmark(day, mark)
        return audited

    async def _audit(
        self, day: UtcDay, now: datetime, before: AuditResult | None, in_force: EffectiveCatalogues
    ) -> Audited:
        if is_open(day, now):
            # What is merely not posted yet is no drift.
            await self._poster.post_day(day, in_force, now)
        fences = await self._books.postings(day)
        async with recount(self._ledger, day, workers=self._workers, named=in_force.named) as recounted:
            require_events(day, before, recounted.events, recounted.missing)
            loss = before.loss if before else None
            if loss is not None and loss.books_stand:
                drift = await self._rate_again(day, in_force)
                drift.say_what_came_after(loss, recounted.events)
            else:
                drift = await self._compare(day, recounted, in_force)
        if is_open(day, now):
            await self._leave_out_unposted(day, drift)
        if drift.records:
            await self._mend(day, drift, fences, in_force, is_counted=is_open(day, now))
        await self._say_what_is_left_out(day, recounted, drift, now)
        return Audited(
            day=day,
            events=recounted.events,
            calls=recounted.calls,
            duplicates=recounted.duplicates,
            conflicts=recounted.conflicts,
            unreadable=sum(recounted.unreadable.values()),
            drift_lines=len(drift.records),
            drift_cost=to_text(drift.cost()),
            currency=in_force.current.currency,
            set_aside=len(drift.faults),
            unpriced=drift.unpriced,
            unsettled=drift.unsettled,
        )

    async def _say_what_is_left_out(self, day: UtcDay, recounted: Recounted, drift: "_Drift", now: datetime) -> None:
        unreadable = {
            f"events: {reason}": f"{count} events of the ledger cannot be read any more"
            for reason, count in recounted.unreadable.items()
        }
        without = {
            f"ledger of {other}": f"cannot be read, so calls that it has may be billed on {day} again: {reason}"
            for other, reason in recounted.without.items()
        }
        await self._set_aside.note(Stage.AUDIT, day, drift.faults | unreadable | without)
        if not is_open(day, now):
            # Nobody posts the day any more: from now on the audit says what is left out.
            await self._set_aside.note(Stage.POST, day, {})

    async def _compare(self, day: UtcDay, recounted: Recounted, in_force: EffectiveCatalogues) -> "_Drift":
        posted: dict[str, bytes] = {}
        async for page in self._books.records(day):
            posted |= {record.record_id: _fingerprint(record) for record in page if record.charges}
        drift = _Drift()
        async for lines in recounted.pages():
            records, faults = rate_lines(day, lines, in_force)
            drift.faults |= faults
            for line_id in faults:
                posted.pop(line_id, None)
            for record in records:
                drift.see(record)
                if posted.pop(record.record_id, b"") != _fingerprint(record):
                    drift.records[record.record_id] = record
        await self._add_what_was_posted(day, drift, gone=posted.keys(), in_force=in_force)
        return drift

    async def _rate_again(self, day: UtcDay, in_force: EffectiveCatalogues) -> "_Drift":
        """The books of a day whose ledger is lost, as they should be: the same usage at the prices in force now."""
        drift = _Drift()
        async for page in self._books.records(day):
            for record in page:
                rated = rate(day, record.line, record.hours, in_force)
                drift.see(rated)
                if _fingerprint(rated) != _fingerprint(record):
                    drift.records[record.record_id], drift.posted[record.record_id] = rated, record
        return drift

    async def _add_what_was_posted(
        self, day: UtcDay, drift: "_Drift", *, gone: Iterable[str], in_force: EffectiveCatalogues
    ) -> None:
        """Look at the books once more for the differing lines alone; `gone` are lines that the ledger does not have."""
        without_usage = set(gone)
        if not drift.records and not without_usage:
            return
        async for page in self._books.records(day):
            for record in page:
                if record.record_id in without_usage:
                    drift.records[record.record_id] = rate(day, record.line, {}, in_force)
                if record.record_id in drift.records:
                    drift.posted[record.record_id] = record

    async def _leave_out_unposted(self, day: UtcDay, drift: "_Drift") -> None:
        """Events that came while we were reading: their lines are marked as changed and the next posting has them."""
        changed = await self._counter.changed_lines(day)
        for line_id in changed.lines if changed else ():
            drift.records.pop(line_id, None)

    async def _mend(
        self,
        day: UtcDay,
        drift: "_Drift",
        fences: dict[int, Posting],
        in_force: EffectiveCatalogues,
        *,
        is_counted: bool,
    ) -> None:
        if is_counted:
            # Redis counted wrong or lost something: it forgets the day, and the next posting replays the ledger.
            await self._counter.forget(day)
        writes = by_shard(list(drift.records.values()), self._books.shards)
        posting = (None, in_force.digest(day))

        async def write(shard: int, records: Sequence[UsageRecord]) -> None:
            try:
                await self._books.write(day, shard, fences.get(shard), posting, records)
            except RecordsRefused as error:
                drift.faults |= error.refused

        await together(*(write(shard, records) for shard, records in writes.items()))
        for line_id in drift.faults:
            drift.records.pop(line_id, None)


def _together(audits: Sequence[Audited]) -> Audited:
    """The last of several audits of a day, with what all of them corrected."""
    costs = [Decimal(each.drift_cost) for each in audits]
    return replace(audits[-1], drift_lines=sum(each.drift_lines for each in audits), drift_cost=to_text(total(costs)))


def _holds(audit: AuditResult | None, since: datetime, rated_with: str) -> bool:
    """Whether an audit is still valid: nothing of its day has to be looked at again."""
    return (
        audit is not None
        and datetime.fromisoformat(audit.at) >= since
        and audit.rated_with == rated_with  # audits of older versions of the product do not say
    )


class _Drift:
    """The lines on which ledger and books differ: as they should be, and as they were."""

    def __init__(self) -> None:
        self.records: dict[str, UsageRecord] = {}
        self.posted: dict[str, UsageRecord] = {}
        self.faults: dict[str, str] = {}
        """Line id → why the line is not in the books as it should be."""
        self.unpriced = 0
        self.unsettled = 0

    def see(self, record: UsageRecord) -> None:
        """Note what is still open about a line of the day."""
        self.unpriced += record.is_unpriced
        self.unsettled += record.is_unsettled

    def say_what_came_after(self, loss: AcceptedLoss, events: int) -> None:
        """Name the events that came after a loss was accepted: nobody can tell which of them the books have."""
        if more := events - loss.events:
            self.faults["ledger"] = (
                f"{more} events came after {loss.by} accepted the loss of this day's ledger: they are not in the books"
            )

    def cost(self) -> Decimal:
        """What the ledger says minus what the books said."""
        amount = ZERO
        for line_id, record in self.records.items():
            amount = EXACT.add(amount, record.cost)
            if line_id in self.posted:
                amount = EXACT.subtract(amount, self.posted[line_id].cost)
        return amount


_encode = msgspec.json.Encoder(order="deterministic").encode


def _fingerprint(record: UsageRecord) -> bytes:
    return blake2b(_encode(to_document(record)), digest_size=16).digest() if record.charges else b""
