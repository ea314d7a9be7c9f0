"""The lines and documents of a journal: what each says, and that each document balances."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import msgspec

from chargeback.domain.errors import InconsistentFile
from chargeback.domain.money.exact import EXACT, ZERO, total
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import NO_MONTH, Month


class EntryType(StrEnum):
    """The purpose of a journal document."""

    CHARGE = "charge"
    """What a closed period charges."""
    ACCRUAL = "accrual"
    """What an open period is expected to charge, or its reversal in the next one."""
    CREDIT_NOTE = "credit_note"
    """Takes back what an earlier period charged."""
    CARRY = "carry"
    """Amounts that are too small and wait for the next period; it changes no balance, and is not for the ERP."""


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A line of a journal document.

    Attributes:
        number: from 1 on, within its document.
        period: that the amount was charged for; for what waited, an earlier one than that of the document.
        corrects_period: the closed period that the amount corrects; empty for the period's own.
        reversal_date: when the ERP reverses it; empty for what stays.
        partner: the other company between companies; else empty.
        debit, credit: not below 0, in minor units of the currency; one of them is 0.
        markup: how much of the amount is markup that dated adjustments added; below 0 where the amount is.
        reverses: the document that this one takes back.
        cost_centre: whose charge it is; empty for the other side of the document.
        kind: `usage` or `shared`, whatever of it a correction corrects; empty like `cost_centre`.
    """

    document_id: str
    number: int
    type: EntryType
    period: Month
    document_date: BookDate
    posting_date: BookDate
    company: str
    account: str
    currency: str
    debit: Decimal
    credit: Decimal
    text: str
    corrects_period: Month = NO_MONTH
    reversal_date: str = ""
    partner: str = ""
    object_type: str = ""
    object: str = ""
    tax_code: str = ""
    markup: Decimal = ZERO
    reverses: str = ""
    cost_centre: str = ""
    kind: str = ""

    @property
    def amount(self) -> Decimal:
        """The debit, or the credit below 0."""
        return EXACT.subtract(self.debit, self.credit)


class CarriedAmount(msgspec.Struct, frozen=True, rename="camel"):
    """An amount of a cost centre that waits for the next period.

    Attributes:
        date: the date of the books that it was charged for, which decides where it is posted to.
        amount, markup: exact decimal text, in minor units of the currency.
        since: the period that it comes from.
    """

    cost_centre: str
    kind: str
    corrects_period: Month
    date: BookDate
    currency: str
    amount: str
    markup: str
    since: Month


class JournalDocument(msgspec.Struct, frozen=True, rename="camel"):
    """A document of a journal: `amount` is the sum of its debits, exact decimal text."""

    id: str
    type: EntryType
    company: str
    currency: str
    posting_date: str
    lines: int
    amount: str
    reverses: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """The documents of a period, and the amounts that wait for the next one."""

    lines: Sequence[JournalLine]
    carried: Sequence[CarriedAmount] = ()

    def documents(self) -> list[JournalDocument]:
        """The documents in their order. Raises `InconsistentFile` where one does not balance."""
        by_id: dict[str, list[JournalLine]] = {}
        for line in self.lines:
            by_id.setdefault(line.document_id, []).append(line)
        return [_document(lines) for lines in by_id.values()]

    def posted(self, currency: str) -> Decimal:
        """What the cost centres are charged in a currency: without what waits, and the other side of the documents."""
        return charged(line for line in self.lines if line.currency == currency)


def charged(lines: Iterable[JournalLine]) -> Decimal:
    """The sum of the lines that charge a cost centre; carry documents charge nothing."""
    return total([line.amount for line in lines if line.cost_centre and line.type is not EntryType.CARRY])


def _document(lines: Sequence[JournalLine]) -> JournalDocument:
    first = lines[0]
    debit, credit = total([line.debit for line in lines]), total([line.credit for line in lines])
    if debit != credit:
        raise InconsistentFile(f"{first.document_id} has debits of {debit} and credits of {credit} {first.currency}")
    return JournalDocument(
        first.document_id,
        first.type,
        first.company,
        first.currency,
        first.posting_date,
        len(lines),
        format(debit, "f"),
        first.reverses,
    )
