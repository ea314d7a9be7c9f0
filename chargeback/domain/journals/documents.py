"""Builds journal documents: one for each company, so that each balances in its own books.

A company that is charged debits its cost centres and owes the issuing entity. The issuing entity debits its own cost
centres and what the others owe it, and credits the account that recovers its cost.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from chargeback.domain.errors import PostingRefused
from chargeback.domain.journals.amounts import PostedBefore, RoundedPeriod, TargetAmount
from chargeback.domain.journals.entries import EntryType, Journal, JournalLine
from chargeback.domain.journals.posting_rules import IssuingEntity, PostingRules, ReceivingCompany
from chargeback.domain.money.exact import EXACT, ZERO, total
from chargeback.domain.time.calendar import Calendar, next_period
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import NO_MONTH, Month

PREFIX = "CB"
_SERVICE = "Azure OpenAI"


@dataclass(frozen=True, slots=True)
class JournalFrame:
    """What all documents of a journal share.

    Attributes:
        currency: that of the books; documents in another one say so in their id.
        posting_date: also the document date.
        issuer, receivers: the companies as they are at that date.
    """

    period: Month
    currency: str
    posting_date: BookDate
    issuer: IssuingEntity
    receivers: dict[str, ReceivingCompany]


@dataclass(frozen=True, slots=True)
class _Head:
    """What all lines of a document share."""

    id: str
    type: EntryType
    company: str
    currency: str
    reverses: str = ""
    reversal_date: str = ""


def frame_of(
    period: Month, posting_date: BookDate, rules: PostingRules, calendar: Calendar, moment: datetime
) -> JournalFrame:
    """The frame of a journal. Raises `PostingRefused` where no issuing entity is in force at the moment."""
    issuer = rules.issuer(moment)
    if issuer is None:
        raise PostingRefused(period, [f"issuing: no entry is in force on {posting_date}"])
    companies = {each.company for each in rules.companies}
    receivers = {company: found for company in companies if (found := rules.receiver(company, moment))}
    return JournalFrame(period, calendar.currency(period), posting_date, issuer, receivers)


def charge_journal(frame: JournalFrame, found: RoundedPeriod, before: PostedBefore) -> Journal:
    """The journal of a closed period: charges, credit notes, and what waits. Deterministic, the ids too."""
    groups: dict[tuple[str, Month], list[TargetAmount]] = defaultdict(list)
    for each in found.posted:
        groups[(each.currency, each.corrects_period if each.is_credit else NO_MONTH)].append(each)
    lines: list[JournalLine] = []
    for (currency, corrects), amounts in sorted(groups.items(), key=lambda group: group[0]):
        lines += _charges(frame, currency, corrects, amounts, before)
    return Journal([*lines, *_memos(frame, found.waiting)], found.carried())


def accrual_journal(frame: JournalFrame, amounts: Sequence[TargetAmount]) -> Journal:
    """The accrual of an open period up to a date, and its reversal on the first date of the next period."""
    by_currency: dict[str, list[TargetAmount]] = defaultdict(list)
    for each in amounts:
        by_currency[each.currency].append(each)
    reversal_date = f"{next_period(frame.period)}-01"
    issuer = replace(frame.issuer, receivable=frame.issuer.accrued_receivable)
    receivers = {company: replace(each, payable=each.accrued_payable) for company, each in frame.receivers.items()}
    accrued = replace(frame, issuer=issuer, receivers=receivers)
    suffix = f"-A{frame.posting_date[-2:]}"
    lines: list[JournalLine] = []
    for currency, of_currency in sorted(by_currency.items()):
        for company, part in _by_company(accrued, of_currency):
            head = _Head(
                _id(accrued, company, currency) + suffix, EntryType.ACCRUAL, company, currency, "", reversal_date
            )
            lines += _numbered(accrued, head, [*part, *_other_side(accrued, company, of_currency)])
    return Journal([*lines, *_reversals(lines, Month(reversal_date[:7]), BookDate(reversal_date))])


def _reversals(lines: Iterable[JournalLine], period: Month, date: BookDate) -> Iterator[JournalLine]:
    for line in lines:
        yield replace(
            line,
            document_id=f"{line.document_id}R",
            period=period,
            document_date=date,
            posting_date=date,
            reversal_date="",
            debit=line.credit,
            credit=line.debit,
            markup=EXACT.minus(line.markup) if line.markup else ZERO,
            reverses=line.document_id,
            text=f"{line.text}, reversal",
        )


def _charges(
    frame: JournalFrame, currency: str, corrects: Month, amounts: Sequence[TargetAmount], before: PostedBefore
) -> Iterator[JournalLine]:
    kind = EntryType.CREDIT_NOTE if corrects else EntryType.CHARGE
    # Short, because ERPs take 20 or 25 characters: how many months before the document's own.
    suffix = f"-C{_months_between(corrects, frame.period)}" if corrects else ""
    for company, part in _by_company(frame, amounts):
        reverses = _reversed(frame, company, currency, corrects, part or amounts, before) if corrects else ""
        head = _Head(_id(frame, company, currency) + suffix, kind, company, currency, reverses)
        yield from _numbered(frame, head, [*part, *_other_side(frame, company, amounts, corrects)])


def _reversed(
    frame: JournalFrame,
    company: str,
    currency: str,
    corrects: Month,
    amounts: Sequence[TargetAmount],
    before: PostedBefore,
) -> str:
    """The document of the corrected period: the company's own, else one that charged one of the cost centres then."""
    own = _id(replace(frame, period=corrects), company, currency)
    if own in before.documents:
        return own
    keys = [(each.cost_centre, each.kind, corrects, currency) for each in amounts]
    return next((before.of_centre[key] for key in keys if key in before.of_centre), "")


def _by_company(frame: JournalFrame, amounts: Sequence[TargetAmount]) -> Iterator[tuple[str, list[TargetAmount]]]:
    """Each company with its own amounts; the issuing entity comes last, and always."""
    parts: dict[str, list[TargetAmount]] = defaultdict(list)
    for each in sorted(amounts, key=_order):
        parts[each.target.company].append(each)
    own = parts.pop(frame.issuer.company, [])
    yield from sorted(parts.items())
    yield frame.issuer.company, own


def _order(each: TargetAmount) -> tuple[str, ...]:
    return (each.cost_centre, each.corrects_period, each.kind, each.since, each.date)


@dataclass(frozen=True, slots=True)
class _Balance:
    """A line of the other side; an `amount` below 0 is a credit."""

    account: str
    amount: Decimal
    markup: Decimal = ZERO
    partner: str = ""
    object_type: str = ""
    object: str = ""
    corrects: Month = NO_MONTH


def _other_side(
    frame: JournalFrame, company: str, amounts: Sequence[TargetAmount], corrects: Month = NO_MONTH
) -> Iterator[_Balance]:
    issuer = frame.issuer
    if company != issuer.company:
        owed, markup = _sums(amounts, company)
        yield _Balance(_receiver(frame, company).payable, EXACT.minus(owed), ZERO, issuer.company, corrects=corrects)
        return
    for partner in sorted({each.target.company for each in amounts} - {company}):
        due, markup = _sums(amounts, partner)
        apart = markup if issuer.markup_account else ZERO
        yield _Balance(issuer.receivable, due, ZERO, partner, corrects=corrects)
        recovered = EXACT.minus(EXACT.subtract(due, apart))
        yield _Balance(issuer.recovery, recovered, ZERO, partner, issuer.object_type, issuer.object, corrects)
        yield _Balance(
            issuer.markup_account, EXACT.minus(apart), ZERO, partner, issuer.object_type, issuer.object, corrects
        )
    own, _ = _sums(amounts, company)
    yield _Balance(issuer.recovery, EXACT.minus(own), ZERO, "", issuer.object_type, issuer.object, corrects)


def _sums(amounts: Sequence[TargetAmount], company: str) -> tuple[Decimal, Decimal]:
    of_company = [each for each in amounts if each.target.company == company]
    return total([each.amount for each in of_company]), total([each.markup for each in of_company])


def _receiver(frame: JournalFrame, company: str) -> ReceivingCompany:
    if company not in frame.receivers:
        raise PostingRefused(frame.period, [f"companies: no entry for {company!r} on {frame.posting_date}"])
    return frame.receivers[company]


def _numbered(frame: JournalFrame, head: _Head, parts: Sequence[TargetAmount | _Balance]) -> Iterator[JournalLine]:
    partner = "" if head.company == frame.issuer.company else frame.issuer.company
    number = 0
    for part in parts:
        if not part.amount:
            continue
        number += 1
        line = _line(frame, head, number, part.amount)
        if isinstance(part, _Balance):
            yield replace(
                line,
                account=part.account,
                partner=part.partner,
                object_type=part.object_type,
                object=part.object,
                corrects_period=part.corrects,
                text=_text(frame.period, part.corrects, NO_MONTH),
            )
        else:
            yield _of_centre(replace(line, partner=partner), part)


def _of_centre(line: JournalLine, part: TargetAmount) -> JournalLine:
    target = part.target
    return replace(
        line,
        period=part.since or line.period,
        account=target.account(part.kind, is_correction=bool(part.corrects_period)),
        object_type=target.object_type,
        object=target.object,
        tax_code=target.tax_code,
        corrects_period=part.corrects_period,
        markup=part.markup,
        cost_centre=part.cost_centre,
        kind=part.kind,
        text=_text(line.period, part.corrects_period, part.since),
    )


def _line(frame: JournalFrame, head: _Head, number: int, amount: Decimal) -> JournalLine:
    return JournalLine(
        document_id=head.id,
        number=number,
        type=head.type,
        period=frame.period,
        document_date=frame.posting_date,
        posting_date=frame.posting_date,
        company=head.company,
        account="",
        currency=head.currency,
        debit=max(amount, ZERO),
        credit=max(EXACT.minus(amount), ZERO),
        text="",
        reversal_date=head.reversal_date,
        reverses=head.reverses,
    )


def _memos(frame: JournalFrame, waiting: Sequence[TargetAmount]) -> Iterator[JournalLine]:
    """What waits, in and out again: a document that changes no balance."""
    by_document: dict[tuple[str, str], list[TargetAmount]] = defaultdict(list)
    for each in sorted(waiting, key=_order):
        by_document[(each.currency, each.target.company)].append(each)
    for (currency, company), amounts in sorted(by_document.items()):
        head = _Head(f"{_id(frame, company, currency)}-CARRY", EntryType.CARRY, company, currency)
        for index, each in enumerate(amounts):
            into = _of_centre(_line(frame, head, 2 * index + 1, each.amount), each)
            out = _of_centre(_line(frame, head, 2 * index + 2, EXACT.minus(each.amount)), each)
            yield into
            yield replace(out, markup=EXACT.minus(each.markup), text=f"{out.text}, into {next_period(frame.period)}")


def _text(period: Month, corrects: Month, since: Month) -> str:
    of = f"{_SERVICE} {since or period}"
    return of + (f", corrects {corrects}" if corrects else "") + (", carried" if since else "")


def document_name(period: Month, company: str) -> str:
    """The id of the document that charges a company for a period, in the currency of the books."""
    return f"{PREFIX}-{period}-{company}"


def _months_between(earlier: Month, later: Month) -> int:
    years, months = int(later[:4]) - int(earlier[:4]), int(later[5:]) - int(earlier[5:])
    return 12 * years + months


def _id(frame: JournalFrame, company: str, currency: str) -> str:
    suffix = f"-{currency}" if currency != frame.currency else ""
    return document_name(frame.period, company) + suffix
