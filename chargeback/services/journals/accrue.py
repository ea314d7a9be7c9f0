"""Accrues an open period up to a date: what it has charged by then, and the reversal in the next period."""

import logging
from dataclasses import dataclass
from dataclasses import replace as with_values
from datetime import date, datetime
from decimal import Context, Decimal
from hashlib import sha256

from chargeback.domain.errors import ChargebackError, PeriodClosed, PostingRefused
from chargeback.domain.journals.amounts import ChargedSum, Targets, in_minor_units
from chargeback.domain.journals.documents import accrual_journal, frame_of
from chargeback.domain.journals.entries import Journal
from chargeback.domain.journals.posting_rules import SHARED
from chargeback.domain.money.exact import EXACT, round_total
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.layout import accrual_path
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate, shifted, start_of
from chargeback.domain.time.months import Month, dates_of
from chargeback.log_line import log_line
from chargeback.services.closing.lineage import lineage_of
from chargeback.services.journals.journal_documents import JournalRecord, JournalRecords, accrual_name
from chargeback.services.journals.make_postings import REMEDY, currency_sums
from chargeback.services.journals.render_postings import render_postings
from chargeback.services.journals.sum_charges import PeriodCharges, sum_charges
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.control import Catalogues, Control, Version
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import CSV

log = logging.getLogger(__name__)

_DECIMALS = 12
_DIVISION = Context(prec=60)


@dataclass(frozen=True, slots=True)
class AccruedPeriod:
    """An accrual that was made.

    Attributes:
        unknown: rows of the draft whose cost is not known, and which are in no accrual.
        earlier: accruals of the same period that the ERP has posted: only one may be.
    """

    record: JournalRecord
    content: bytes
    unknown: int
    earlier: tuple[JournalRecord, ...]


@dataclass(frozen=True, slots=True)
class Accruals:
    """Makes accruals.

    Attributes:
        reports: the files of open periods, where the accruals are, too.
    """

    control: Control
    catalogues: Catalogues
    reports: Reports

    async def accrue(self, period: Month, until: BookDate | None, now: datetime) -> AccruedPeriod:
        """Accrue what the latest draft of an open period charges up to a date; by default, the last one that is over.

        Raises `PostingRefused` where posting rules are missing, `PeriodClosed` where the period is closed or another
        accrual up to this date was posted by the ERP, else `ChargebackError` where the draft is older than an audit.
        """
        known, _ = await PeriodDocuments(self.control).get(period)
        if known.state is PeriodState.CLOSED:
            raise PeriodClosed(f"{period} is closed: `chargeback postings make {period}` makes its documents")
        version = await self.catalogues.version()
        date_ = _date(period, until, version.catalogue.calendar, now)
        charges = await sum_charges(period, self.reports)
        await self._require_recent(charges.manifest, date_, version.catalogue.calendar)
        journal, sums = _journal(period, date_, charges, version)
        content = render_postings(journal.lines, charges.digest, "")
        made = JournalRecord(
            name=accrual_name(period, date_),
            period=period,
            until=date_,
            version=version.name,
            manifest=charges.digest,
            approved_by="",
            path=accrual_path(period, date_),
            sha256=sha256(content).hexdigest(),
            documents=tuple(journal.documents()),
            sums=tuple(currency_sums(sums, (), Journal([line for line in journal.lines if not line.reverses]))),
            is_filed=True,
            made_at=now.isoformat(),
        )
        kept, content = await self._keep(made, content)
        earlier = [each for each in await JournalRecords(self.control).all() if each.until and each.period == period]
        posted = tuple(each for each in earlier if each.answers and each.name != kept.name)
        return AccruedPeriod(kept, content, charges.unknown, posted)

    async def _require_recent(self, draft: Manifest, until: BookDate, calendar: Calendar) -> None:
        """A draft from before an audit may lack what was used since: whole days, where publishing has failed."""
        ends = calendar.midnight(shifted(until, 1))
        days = [day for day in calendar.utc_days(draft.billing_period) if start_of(day) < ends]
        audited = await lineage_of(self.control, days)
        if newer := [day for day, counts in audited.items() if counts != draft.lineage.get(day)]:
            period = draft.billing_period
            raise ChargebackError(
                f"the draft of {period} is older than the audit of {', '.join(newer)}:"
                f" `chargeback publish {period}` first"
            )

    async def _keep(self, made: JournalRecord, content: bytes) -> tuple[JournalRecord, bytes]:
        """What is on record from now on: what the ERP has posted stays, with the draft that it was made from."""
        records = JournalRecords(self.control)
        known, token = await records.get(made.name)
        if known is not None and known.answers:
            if known.documents == made.documents:
                return known, b"".join([piece async for piece in self.reports.read(known.path)])
            answer = known.answers[0]
            raise PeriodClosed(
                f"the accrual of {made.period} until {made.until} was posted as {answer.erp_number} on {answer.posted},"
                " and would have other amounts now: accrue until another date"
            )
        if known is None or known.sha256 != made.sha256:
            await records.swap(made, token)
        async with self.reports.create(made.path, CSV) as file:
            await file.write(content)
        log_line(
            log,
            "period_accrued",
            about=made.period,
            period=made.period,
            until=made.until,
            documents=len(made.documents),
        )
        return made, content


def _date(period: Month, until: BookDate | None, calendar: Calendar, now: datetime) -> BookDate:
    first, last = dates_of(period)[0], dates_of(period)[-1]
    over = min(last, shifted(calendar.date_of(now), -1))
    found = until or over
    if not first <= found <= last:
        raise ChargebackError(f"{found} is not a date of {period}" if until else f"no date of {period} is over yet")
    if found > over:
        raise ChargebackError(f"{found} is not over yet in the books: the last date that is, is {over}")
    return found


def _journal(
    period: Month, until: BookDate, charges: PeriodCharges, version: Version
) -> tuple[Journal, list[ChargedSum]]:
    rules, calendar = version.terms.posting, version.catalogue.calendar
    if rules is None:
        raise PostingRefused(period, ["posting.yaml has no entries"], remedy=REMEDY.format(period))
    sums = charged_until(charges.sums, period, until)
    targets = Targets(rules, calendar, until)
    try:
        found = in_minor_units(period, sums, targets, rules, carries=False)
        return accrual_journal(frame_of(period, until, rules, calendar, targets.moment), found.posted), sums
    except PostingRefused as refused:
        raise PostingRefused(period, refused.reasons, remedy=REMEDY.format(period)) from None


def charged_until(sums: list[ChargedSum], period: Month, until: BookDate) -> list[ChargedSum]:
    """What is charged up to a date: usage of its dates, of shared costs the part of the time, and all corrections."""
    last = dates_of(period)[-1]
    found = []
    for each in sums:
        if each.corrects_period:
            found.append(each)
        elif each.date <= until:
            is_part = each.kind == SHARED and until < last
            found.append(_part(each, _days(each.date, until), _days(each.date, last)) if is_part else each)
    return found


def _part(each: ChargedSum, days: int, of: int) -> ChargedSum:
    def part(amount: Decimal) -> Decimal:
        return round_total(_DIVISION.divide(EXACT.multiply(amount, Decimal(days)), Decimal(of)), _DECIMALS)

    return with_values(each, cost=part(each.cost), markup=part(each.markup))


def _days(first: BookDate, last: BookDate) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
