"""Makes the journal of each closed period: its documents as a file beside the period's others, written once.

The record comes before the file, on condition that there was none: it names the configuration and the digest of the
file. A run that finds a record makes the same bytes again, so any number of runs and a kill between any two steps lead
to one journal.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from msgspec.structs import replace

from chargeback.domain.errors import ChargebackError, InconsistentFile, PeriodClosed, PostingRefused, Superseded
from chargeback.domain.journals.amounts import (
    ChargedSum,
    PostedBefore,
    Targets,
    in_minor_units,
    last_date,
    posted_before,
)
from chargeback.domain.journals.documents import charge_journal, frame_of
from chargeback.domain.journals.entries import CarriedAmount, Journal, JournalLine
from chargeback.domain.journals.posting_rules import PostingRules
from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.domain.money.exact import round_total, to_text, total
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.layout import journal_path
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import Month
from chargeback.log_line import log_line
from chargeback.services.journals.journal_documents import CurrencySums, JournalRecord, JournalRecords
from chargeback.services.journals.render_postings import read_postings, render_postings
from chargeback.services.journals.sum_charges import PeriodCharges, sum_charges
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Catalogues, Control, Version
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import CSV

log = logging.getLogger(__name__)

_ATTEMPTS = 4
REMEDY = (
    "Nothing was posted. Add the entries to posting.yaml, `chargeback config apply`, then `chargeback postings make {}`"
)


@dataclass(frozen=True, slots=True)
class JournalMaker:
    """Makes journals of closed periods.

    Attributes:
        closed: the files of closed periods, where the journals are, too.
    """

    control: Control
    catalogues: Catalogues
    closed: Reports

    @property
    def records(self) -> JournalRecords:
        """What was made so far."""
        return JournalRecords(self.control)

    async def make(self, period: Month, now: datetime) -> JournalRecord:
        """The journal of a closed period, made now unless it was before; a file that was lost is written again.

        Raises `PostingRefused` where posting rules are missing, or an earlier period has to be posted first.
        """
        for _ in range(_ATTEMPTS):
            record, token = await self.records.get(period)
            if record is not None and record.is_filed and record.path in await self.closed.paths(record.path):
                return record
            known, _ = await PeriodDocuments(self.control).get(period)
            made, content = await self._made(known, record, now)
            if record is None:
                try:
                    token = await self.records.swap(made, None)
                except Superseded:
                    continue  # another run was first, perhaps with another configuration: its journal counts
            elif made.sha256 != record.sha256:
                raise InconsistentFile(f"the charges of {period} give another journal than the one on record")
            async with self.closed.create(made.path, CSV, only_if_absent=True) as file:
                await file.write(content)
            return await self._filed(record or made, token)
        raise Superseded(f"other runs posted {period} at the same time, every time: post it again")

    async def make_due(
        self, now: datetime, report: Callable[[JournalRecord | PostingRefused], None]
    ) -> list[JournalRecord | PostingRefused]:
        """Make every journal that is due, for the periods that were closed with posting rules, in order.

        Each outcome is also reported; the first that cannot be made ends it, because the next one depends on it.
        """
        outcomes: list[JournalRecord | PostingRefused] = []
        done = {each.name for each in await self.records.all() if each.is_filed}
        for known in await PeriodDocuments(self.control).closed():
            if known.month in done or not known.is_filed or (await self._closed_with(known)).terms.posting is None:
                continue
            outcome: JournalRecord | PostingRefused
            try:
                outcome = await self.make(known.month, now)
            except PostingRefused as refused:
                outcome = refused
            outcomes.append(outcome)
            report(outcome)
            if isinstance(outcome, PostingRefused):
                break
        return outcomes

    async def lines(self, record: JournalRecord) -> list[JournalLine]:
        """The lines of a journal that is filed."""
        content = b"".join([piece async for piece in self.closed.read(record.path)])
        if sha256(content).hexdigest() != record.sha256:
            raise InconsistentFile(f"{record.path} is not what was written")
        return read_postings(content)

    async def before(self, period: Month) -> PostedBefore:
        """What the journals of earlier periods have posted."""
        earlier = [each for each in await self.records.all() if not each.until and each.period < period]
        return posted_before([line for each in earlier for line in await self.lines(each)])

    async def _filed(self, record: JournalRecord, token: str | None) -> JournalRecord:
        filed = replace(record, is_filed=True)
        try:
            await self.records.swap(filed, token)
        except Superseded:  # by a run that did the same, or a confirmation
            latest, token = await self.records.get(record.name)
            filed = replace(latest or record, is_filed=True)
            if latest is not None and not latest.is_filed:
                await self.records.swap(filed, token)
        log_line(
            log,
            "journal_made",
            about=record.period,
            period=record.period,
            documents=len(record.documents),
            waiting=len(record.carried),
            sha256=record.sha256,
        )
        return filed

    async def _made(
        self, known: BillingPeriod, record: JournalRecord | None, now: datetime
    ) -> tuple[JournalRecord, bytes]:
        _require_closed(known)
        carried = await self._carried(known.month)
        charges = await sum_charges(known.month, self.closed)
        if charges.digest != known.manifest:
            raise PeriodClosed(f"the manifest of {known.month} is not the one that was closed")
        before = await self.before(known.month) if any(each.corrects_period for each in charges.sums) else None
        if record is not None:
            versions = [await self.catalogues.stored_version(record.version)]
        else:
            versions = [await self._closed_with(known), await self.catalogues.version()]
        version, journal = _journal(known.month, charges, carried, before or PostedBefore(), versions)
        approved_by = charges.manifest.approved_by or ""
        content = render_postings(journal.lines, known.manifest, approved_by)
        made = JournalRecord(
            name=known.month,
            period=known.month,
            until="",
            version=version.name,
            manifest=known.manifest,
            approved_by=approved_by,
            path=journal_path(known.month),
            sha256=sha256(content).hexdigest(),
            documents=tuple(journal.documents()),
            sums=tuple(currency_sums(charges.sums, carried, journal)),
            carried=tuple(journal.carried),
            made_at=now.isoformat(),
        )
        return made, content

    async def _closed_with(self, known: BillingPeriod) -> Version:
        return await self.catalogues.stored_version(known.closed_with or known.version)

    async def _carried(self, period: Month) -> Sequence[CarriedAmount]:
        """What the period before carries into this one. Raises `PostingRefused` where that is not known yet."""
        names = [each.name for each in await self.records.all() if not each.until]
        if names and period < names[0]:
            raise PostingRefused(period, [f"the journals begin with {names[0]}; what was closed before is not in them"])
        before, _ = await self.records.get(previous_period(period))
        if before is None and names and names[0] < period:
            missing = previous_period(period)
            raise PostingRefused(period, [f"{missing} has no journal yet, and may carry amounts: make that first"])
        return before.carried if before else ()


def _require_closed(known: BillingPeriod) -> None:
    if known.state is not PeriodState.CLOSED:
        raise ChargebackError(
            f"{known.month} is {known.state}: only closed months are posted;"
            f" `chargeback postings accrue {known.month}` makes its accrual"
        )
    if not known.is_filed:
        raise ChargebackError(
            f"{known.month} is closed, and its files are still on their way:"
            f" `chargeback periods close {known.month}` finishes that"
        )


def _journal(
    period: Month,
    charges: PeriodCharges,
    carried: Sequence[CarriedAmount],
    before: PostedBefore,
    versions: Sequence[Version],
) -> tuple[Version, Journal]:
    """The journal by the configuration that the period was closed with, or by the one in force where that cannot."""
    refused: PostingRefused | None = None
    for version in versions:
        if version.terms.posting is None:
            continue
        try:
            return version, _by_rules(period, charges.sums, carried, before, version, version.terms.posting)
        except PostingRefused as error:
            refused = error
    reasons = refused.reasons if refused else ["posting.yaml has no entries"]
    raise PostingRefused(period, reasons, remedy=REMEDY.format(period)) from None


def _by_rules(
    period: Month,
    sums: Sequence[ChargedSum],
    carried: Sequence[CarriedAmount],
    before: PostedBefore,
    version: Version,
    rules: PostingRules,
) -> Journal:
    calendar, date = version.catalogue.calendar, last_date(period)
    targets = Targets(rules, calendar, date)
    found = in_minor_units(period, sums, targets, rules, carried, before)
    return charge_journal(frame_of(period, date, rules, calendar, targets.moment), found, before)


def currency_sums(sums: Sequence[ChargedSum], carried: Sequence[CarriedAmount], journal: Journal) -> list[CurrencySums]:
    """The sums of a journal by currency."""
    found = []
    for currency in sorted({each.currency for each in sums} | {each.currency for each in carried}):
        printed = total([each.cost for each in sums if each.currency == currency])
        waited, waiting = (
            total([Decimal(each.amount) for each in amounts if each.currency == currency])
            for amounts in (carried, journal.carried)
        )
        decimals = minor_unit_decimals(currency)
        amounts = (printed, round_total(printed, decimals), waited, journal.posted(currency), waiting)
        found.append(CurrencySums(currency, *map(to_text, amounts)))
    return found
