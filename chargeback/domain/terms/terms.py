"""The terms of a period as one value: exchange rates, shared costs, budgets and the rules of closing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from chargeback.domain.access.owners import Ownership
from chargeback.domain.budgets.budget import Budget, is_plain
from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.invoice.reconciliation import ReconciliationRules
from chargeback.domain.journals.posting_rules import PostingRules
from chargeback.domain.money.exact import ZERO, to_text
from chargeback.domain.terms.approvals import ApprovalSetting
from chargeback.domain.terms.issuer import ChargeIssuer
from chargeback.domain.terms.retention import RetentionRule
from chargeback.domain.terms.shared_costs import SharedCost, active
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.months import Month, dates_of


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """What one unit of a currency is worth in another one.

    Attributes:
        rate: units of `to_currency` for one of `from_currency`.
        date: YYYY-MM-DD that the rate is of; empty where no conversion takes place.
        source: who says so; empty where no conversion takes place.
    """

    from_currency: str
    to_currency: str
    rate: Decimal
    date: str
    source: str


@dataclass(frozen=True, slots=True)
class ClosingRules:
    """When a period may be closed.

    Attributes:
        grace: after its end, while late usage is still expected.
        unsettled_percent: largest share of its requests that may still lack token counts.
        unpriced_percent: largest share of its requests that may have a meter that no price covers.
        unsettled_amount: what they may be worth at most, in the currency of the rate card; None: any amount.
        unpriced_amount: likewise of usage that no price covers.
        estimated_percent: estimates may be so much of the cost,
        estimated_amount: or up to this amount.
        unverified_percent: largest share of its cost that may rest on prices that neither the provider's list nor an
            invoice shows; None: any.
        rate_age: by how much an exchange rate may be older than the period's last day.
    """

    grace: timedelta = timedelta(hours=72)
    unsettled_percent: Decimal = ZERO
    unpriced_percent: Decimal = ZERO
    rate_age: timedelta = timedelta(days=7)
    unsettled_amount: Decimal | None = None
    unpriced_amount: Decimal | None = None
    estimated_percent: Decimal = Decimal(1)
    estimated_amount: Decimal = Decimal(100)
    unverified_percent: Decimal | None = None


class Terms:
    """One version of the terms; never changes once made. None of them takes part in rating.

    Attributes:
        retention: how long closed periods are kept; None where nobody says.
        posting: how a closed period becomes journal documents; None where nobody says.
        ownership: who owns which cost centre.
        filed_budgets: those of the files.
        made_budgets: those that people made beside the files.
        budgets: both.
        digest: SHA-256 over the content in canonical form: equal meaning, equal digest. How a period is reconciled
            and posted, who charges it, who may see it, and budgets that were made beside the files are no part of it,
            because they change no amount.
    """

    def __init__(
        self,
        *,
        exchange_rates: Sequence[ExchangeRate] = (),
        shared_costs: Sequence[SharedCost] = (),
        budgets: Sequence[Budget] = (),
        closing: ClosingRules | None = None,
        reconciliation: ReconciliationRules | None = None,
        approvals: Sequence[ApprovalSetting] = (),
        retention: RetentionRule | None = None,
        posting: PostingRules | None = None,
        issuer: ChargeIssuer | None = None,
        ownership: Ownership | None = None,
        made_budgets: Sequence[Budget] = (),
    ) -> None:
        self.exchange_rates = tuple(exchange_rates)
        self.shared_costs = tuple(shared_costs)
        self.filed_budgets = tuple(budgets)
        self.made_budgets = tuple(made_budgets)
        self.budgets = (*self.filed_budgets, *self.made_budgets)
        self.closing = closing or ClosingRules()
        self.reconciliation = reconciliation or ReconciliationRules()
        self.approvals = tuple(approvals)
        self.retention = retention
        self.posting = posting
        self.issuer = issuer or ChargeIssuer()
        self.ownership = ownership or Ownership()
        self.digest = _digest(self)

    @cached_property
    def watched(self) -> WatchedScopes:
        """The scopes that the budgets name, whenever they hold."""
        return WatchedScopes(self.budgets)

    def with_shared_costs(self, costs: Sequence[SharedCost]) -> "Terms":
        """The same terms with further shared costs."""
        return self._with(shared_costs=[*self.shared_costs, *costs])

    def with_made_budgets(self, made: Sequence[Budget]) -> "Terms":
        """The same terms with these budgets beside those of the files; one with the id of a filed one is left out."""
        filed = {each.id for each in self.filed_budgets}
        return self._with(made_budgets=[each for each in made if each.id not in filed])

    def reaching_back_to(self, period: Month) -> "Terms":
        """The terms for usage of a time before the books: nothing was shared then.

        It comes when nobody can say any more what the exchange rate was, so the earliest known one reaches back.
        """
        last = dates_of(period)[-1]
        earliest: dict[tuple[str, str], ExchangeRate] = {}
        for rate in sorted(self.exchange_rates, key=lambda rate: rate.date):
            earliest.setdefault((rate.from_currency, rate.to_currency), rate)
        reaching = [
            replace(rate, date=last, source=f"the earliest rate, of {rate.date}: {rate.source}")
            for rate in earliest.values()
            if rate.date > last
        ]
        return self._with(exchange_rates=[*reaching, *self.exchange_rates], shared_costs=())

    def rate_for(self, period: Month, from_currency: str, to_currency: str) -> ExchangeRate:
        """The latest rate that is dated on or before the last day of a period.

        Raises `InvalidConfig` where there is none.
        """
        if from_currency == to_currency:
            return ExchangeRate(from_currency, to_currency, Decimal(1), "", "")
        last = dates_of(period)[-1]
        pair = (from_currency, to_currency)
        known = [
            rate for rate in self.exchange_rates if (rate.from_currency, rate.to_currency) == pair and rate.date <= last
        ]
        if not known:
            raise InvalidConfig(
                [
                    f"exchangeRates: none from {from_currency} to {to_currency}"
                    f" that is dated {last} or before, so {period} cannot be settled in {to_currency}"
                ]
            )
        return max(known, key=lambda rate: rate.date)

    def _with(self, **changed: Any) -> "Terms":
        names = (
            "exchange_rates",
            "shared_costs",
            "made_budgets",
            "closing",
            "reconciliation",
            "approvals",
            "retention",
            "posting",
            "issuer",
            "ownership",
        )
        kept = {name: getattr(self, name) for name in names} | {"budgets": self.filed_budgets}
        return Terms(**(kept | changed))


def rates_of(terms: Terms, period: Month, calendar: Calendar, card: str) -> list[ExchangeRate]:
    """The rates that a period is converted at, by currency; `card` is the currency of the rate card.

    Raises `InvalidConfig` where one is missing.
    """
    books = calendar.currency(period)
    charged = {cost.currency for cost in terms.shared_costs if active(cost, period, calendar) and not cost.corrects}
    return [terms.rate_for(period, currency, books) for currency in sorted({card, *charged} - {books})]


def age_of(rate: ExchangeRate, period: Month) -> timedelta:
    """By how much a rate is older than a period's last day."""
    return date.fromisoformat(dates_of(period)[-1]) - date.fromisoformat(rate.date)


_LATER = frozenset({"verified", "unverified_percent"})
"""Fields that came later: where nobody sets one, the digest is what it was without it."""


def _digest(terms: Terms) -> str:
    budgets = tuple(map(_said_of_a_budget, terms.filed_budgets))
    content: tuple[Any, ...] = (terms.exchange_rates, terms.shared_costs, budgets, terms.closing)
    if terms.approvals:  # without any, the digest is what it was before there were any
        content = (*content, terms.approvals)
    if terms.retention:  # likewise
        content = (*content, terms.retention)
    canonical = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _said_of_a_budget(budget: Budget) -> Budget | dict[str, Any]:
    """What a digest is made of: for a plain budget, what it was made of when there were no others."""
    if not is_plain(budget):
        return budget
    return {
        "cost_centre": budget.scope.value,
        "amount": budget.amount,
        "currency": budget.currency,
        "thresholds": tuple(int(step.percent) for step in budget.steps),
    }


def _plain(value: Any) -> Any:
    """A value with JSON types only, the same for every way to write an amount or a moment."""
    if isinstance(value, Decimal):
        return to_text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if is_dataclass(value):
        said = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: _plain(each) for name, each in said.items() if each is not None or name not in _LATER}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
