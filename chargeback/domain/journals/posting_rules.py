"""Which company, account and ERP object a cost centre is posted to, and since when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from hashlib import blake2b
from typing import TypeVar

from chargeback.domain.cost_centres.tree import with_ancestors
from chargeback.domain.time.effective import ALWAYS, Effective

USAGE, SHARED, CORRECTION = "usage", "shared", "correction"
"""The kinds that may have an account of their own."""


@dataclass(frozen=True, slots=True)
class IssuingEntity:
    """The company that the provider invoices and that charges the others.

    Attributes:
        receivable: account of what the other companies owe it.
        accrued_receivable: the same before the month is closed.
        recovery: account that is credited with what the cost centres are charged.
        object_type, object: where in its ERP that account is posted to.
        markup_account: is credited with the markup on what other companies are charged; empty: `recovery` is.
        smallest: currency → what is charged for less waits for the next month.
    """

    company: str
    receivable: str
    accrued_receivable: str
    recovery: str
    object_type: str = ""
    object: str = ""
    markup_account: str = ""
    smallest: Mapping[str, Decimal] = field(default_factory=dict)
    effective: Effective = ALWAYS


@dataclass(frozen=True, slots=True)
class ReceivingCompany:
    """A company that is charged by the issuing entity.

    Attributes:
        payable: account of what it owes the issuing entity.
        accrued_payable: the same before the month is closed.
    """

    company: str
    payable: str
    accrued_payable: str
    effective: Effective = ALWAYS


@dataclass(frozen=True, slots=True)
class CentrePosting:
    """Where a cost centre, with all below it that have no entry of their own, is posted to for some time.

    Attributes:
        accounts: kind → account; `usage` is always there.
        successor: the cost centre whose entry is used, after the end of this one, for what is charged for its time.
    """

    cost_centre: str
    company: str
    object_type: str
    object: str
    accounts: Mapping[str, str]
    tax_code: str = ""
    effective: Effective = ALWAYS
    successor: str = ""

    def account(self, kind: str, *, is_correction: bool) -> str:
        """The account of a kind; a correction without one of its own goes where the corrected charge went."""
        if is_correction and CORRECTION in self.accounts:
            return self.accounts[CORRECTION]
        return self.accounts.get(kind, self.accounts[USAGE])


E = TypeVar("E", IssuingEntity, ReceivingCompany, CentrePosting)


@dataclass(frozen=True)
class PostingRules:
    """The rules over time; entries for the same thing never overlap."""

    issuing: tuple[IssuingEntity, ...]
    companies: tuple[ReceivingCompany, ...]
    centres: tuple[CentrePosting, ...]

    def issuer(self, moment: datetime) -> IssuingEntity | None:
        """The issuing entity at a moment."""
        return _at(self.issuing, moment)

    def receiver(self, company: str, moment: datetime) -> ReceivingCompany | None:
        """What is known of a company that is charged, at a moment."""
        return _at((each for each in self.companies if each.company == company), moment)

    def entry(self, cost_centre: str, moment: datetime) -> CentrePosting | None:
        """The entry in force for a cost centre: its own, or that of the nearest cost centre above it."""
        for path in with_ancestors(cost_centre):
            if found := _at(self._by_path.get(path, ()), moment):
                return found
        return None

    def target(self, cost_centre: str, charged: datetime, posted: datetime) -> CentrePosting | None:
        """Where a charge of a moment is posted to: the entry of that moment, or, where it ended before the posting and
        has a successor, the one of the successor that is in force then.
        """
        found = self.entry(cost_centre, charged)
        while found and found.successor and found.effective.after <= posted:
            after = self._by_path.get(found.successor, ())
            found = self.entry(found.successor, posted) or max(after, key=lambda each: each.effective.after)
        return found

    @cached_property
    def digest(self) -> str:
        """Identifies everything that the rules say."""
        return blake2b(repr((self.issuing, self.companies, self.centres)).encode(), digest_size=8).hexdigest()

    @cached_property
    def _by_path(self) -> dict[str, list[CentrePosting]]:
        found: dict[str, list[CentrePosting]] = {}
        for each in self.centres:
            found.setdefault(each.cost_centre, []).append(each)
        return found


def _at(entries: Iterable[E], moment: datetime) -> E | None:
    return next((each for each in entries if each.effective.holds(moment)), None)
