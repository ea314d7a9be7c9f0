"""Two companies, what their cost centres are charged, and the journals of it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from chargeback.domain.journals.amounts import ChargedSum, PostedBefore, Targets, in_minor_units, last_date
from chargeback.domain.journals.documents import charge_journal, frame_of
from chargeback.domain.journals.entries import CarriedAmount, Journal
from chargeback.domain.journals.posting_rules import CentrePosting, IssuingEntity, PostingRules, ReceivingCompany
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import ALWAYS, Effective
from chargeback.domain.time.months import Month

MARCH, APRIL, MAY = Month("2026-03"), Month("2026-04"), Month("2026-05")
ISSUER = IssuingEntity(
    company="1000",
    receivable="140100",
    accrued_receivable="140190",
    recovery="695000",
    object_type="CC",
    object="9000",
    markup_account="845000",
    smallest={"EUR": Decimal(5)},
)
RECEIVER = ReceivingCompany("2000", "240100", "240190")


def calendar(currency: str = "EUR") -> Calendar:
    return Calendar((BooksSetting(Month("2026-01"), "Europe/Berlin", currency),))


def posted_to(
    centre: str, company: str = "2000", object_: str = "4711", effective: Effective = ALWAYS, successor: str = ""
) -> CentrePosting:
    accounts = {"usage": "625100", "shared": "625110"}
    return CentrePosting(centre, company, "CC", object_, accounts, "V0", effective, successor)


def rules(*centres: CentrePosting, issuer: IssuingEntity = ISSUER) -> PostingRules:
    """Without centres: `product` belongs to the company that is charged, all others to the issuing one."""
    known = centres or (
        posted_to("product"),
        posted_to("platform", "1000", "1001"),
        posted_to("unallocated", "1000", "1009"),
    )
    return PostingRules((issuer,), (RECEIVER,), known)


def charged(centre: str, cost: str, markup: str = "0", **fields: Any) -> ChargedSum:
    known = {"kind": "usage", "corrects_period": "", "date": "2026-03-10", "currency": "EUR"} | fields
    return ChargedSum(cost_centre=centre, cost=Decimal(cost), markup=Decimal(markup), **known)


def journal(
    sums: Sequence[ChargedSum],
    period: Month = MARCH,
    posting: PostingRules | None = None,
    carried: Iterable[CarriedAmount] = (),
    before: PostedBefore | None = None,
    currency: str = "EUR",
) -> Journal:
    """The journal of a closed period."""
    posting = posting or rules()
    targets = Targets(posting, calendar(currency), last_date(period))
    found = in_minor_units(period, sums, targets, posting, carried, before)
    frame = frame_of(period, last_date(period), posting, calendar(currency), targets.moment)
    return charge_journal(frame, found, before or PostedBefore())


def said(made: Journal) -> list[tuple[str, str, str, str, Decimal]]:
    """Document, account, cost centre, partner and amount of each line; a credit is below 0."""
    return [(one.document_id, one.account, one.cost_centre, one.partner, one.amount) for one in made.lines]
