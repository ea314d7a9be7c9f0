"""How two versions of the terms differ, and which of the differences come too late for a closed period."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from chargeback.domain.catalogue.changes import named_changes
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.journals.posting_rules import PostingRules
from chargeback.domain.money.exact import ZERO
from chargeback.domain.terms.approvals import needs_approval
from chargeback.domain.terms.shared_costs import Per, SharedCost, active, amount
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import ALWAYS
from chargeback.domain.time.months import NO_MONTH, Month


def terms_changes(old: Terms, new: Terms) -> Iterator[str]:
    """Each exchange rate, shared cost, budget and set of rules that is new, gone or different."""
    before, after = _named(old), _named(new)
    return (f"{name} {kind}" for name, kind in named_changes(before, after))


def _named(terms: Terms) -> dict[str, Any]:
    rates = {
        f"exchange rate {each.from_currency}/{each.to_currency} of {each.date}": each for each in terms.exchange_rates
    }
    costs = {f"shared cost {each.cost_id}": each for each in terms.shared_costs}
    budgets = {f"budget {each.id}": each for each in terms.budgets}
    rules = {"closing rules": terms.closing, "reconciliation": terms.reconciliation, "issuer": terms.issuer}
    approvals = {f"approval from {each.first_period}": each for each in terms.approvals}
    posting = _posting(terms.posting) if terms.posting else {}
    owners = {f"owners of {each.cost_centre}": each for each in terms.ownership.centres}
    return {**rates, **costs, **budgets, **rules, **approvals, **posting, **owners}


def _posting(rules: PostingRules) -> dict[str, Any]:
    entries: dict[str, Any] = {"posting: issuing entity": rules.issuing, "posting: companies": rules.companies}
    for each in rules.centres:
        name = f"posting of {each.cost_centre}"
        entries[name] = (*entries.get(name, ()), each)
    return entries


def changed_in(period: Month, old: Terms, new: Terms, calendar: Calendar, card: str) -> list[str]:
    """The exchange rates and shared costs by which a period costs something else; `card`: the rate card's currency."""
    before, after = (
        {cost_id: _in_period(cost, period, calendar) for cost_id, cost in _costs(each).items()} for each in (old, new)
    )
    costs = [
        f"shared cost {cost_id} {kind}" for cost_id, kind in named_changes(_charged_of(before), _charged_of(after))
    ]
    return [*_changed_rates(period, old, new, calendar, card), *costs]


def _charged_of(costs: Mapping[str, tuple[Any, ...] | None]) -> dict[str, tuple[Any, ...]]:
    return {cost_id: charged for cost_id, charged in costs.items() if charged is not None}


def _changed_rates(period: Month, old: Terms, new: Terms, calendar: Calendar, card: str) -> Iterator[str]:
    books = calendar.currency(period)
    for currency in sorted({card, *(cost.currency for cost in (*old.shared_costs, *new.shared_costs))} - {books}):
        like = ExchangeRate(currency, books, ZERO, "", "")
        if _value(_rate(old, period, like)) != _value(_rate(new, period, like)):
            yield f"exchange rate {currency}/{books}"


def no_longer_approved(periods: Sequence[Month], old: Terms, new: Terms) -> Iterator[Month]:
    """The periods, of these, that have to be approved before they close and would not have to be any more."""
    for period in periods:
        if needs_approval(old.approvals, period) and not needs_approval(new.approvals, period):
            yield period


def too_late(closed: Mapping[Month, Terms], new: Terms) -> Iterator[tuple[SharedCost, str]]:
    """Shared costs of a single period that was closed (period → its terms) without them, or with others, and why no
    file of that period can charge them any more.
    """
    for cost, missing in _missing(closed, new):
        yield cost, f"is charged in {cost.period}, which was closed {missing}"


def before_the_first(closed: Mapping[Month, Terms], new: Terms) -> Iterator[tuple[SharedCost, str]]:
    """Shared costs of a single period before the first closed one (period → its terms), which has no files, and why."""
    for cost in new.shared_costs:
        if closed and cost.per is Per.PERIOD and cost.period < (first := min(closed)):
            yield cost, f"is charged in {cost.period}, which lies before {first}, the first period that was billed"


def too_soon(being_closed: Mapping[Month, Terms], new: Terms) -> Iterator[tuple[SharedCost, str]]:
    """Shared costs of a single period that is being closed (period → its terms) without them, or with others, and
    how it misses them.
    """
    for cost, missing in _missing(being_closed, new):
        yield cost, f"is charged in {cost.period}, which is being closed {missing} at this moment"


def _missing(billed: Mapping[Month, Terms], new: Terms) -> Iterator[tuple[SharedCost, str]]:
    """Shared costs of just one of these periods (period → its terms) that its terms lack or have differently."""
    for cost in new.shared_costs:
        if cost.per is Per.PERIOD and cost.period in billed:
            then = _costs(billed[cost.period]).get(cost.cost_id)
            if then is None or _charged(then) != _charged(cost):
                yield cost, "with another one" if then else "without it"


def stays_as_billed(closed: Mapping[Month, Terms], old: Terms, new: Terms, calendar: Calendar) -> Iterator[str]:
    """Changed, new or removed shared costs that would change what closed periods (period → its terms) were billed:
    there they stay as they are.
    """
    before, after = _costs(old), _costs(new)
    for cost_id in sorted(before.keys() | after.keys()):

        def differs(period: Month, terms: Terms, cost_id: str = cost_id) -> bool:
            known = before.get(cost_id), _costs(terms).get(cost_id)
            now = _in_period(after.get(cost_id), period, calendar)
            return all(_in_period(each, period, calendar) != now for each in known)

        if periods := [period for period, terms in sorted(closed.items()) if differs(period, terms)]:
            yield f"shared cost {cost_id}: closed and stays as it was billed in {', '.join(periods)}"


def keep_their_rates(
    closed: Mapping[Month, Sequence[ExchangeRate]], old: Terms, new: Terms
) -> Iterator[tuple[Month, str]]:
    """Closed periods (period → its rates) that changed exchange rates would convert differently, with the change: these
    keep their rates.
    """
    for period, rates in sorted(closed.items()):
        for rate in rates:
            now = _rate(new, period, rate)
            if now is not None and _value(now) not in (_value(rate), _value(_rate(old, period, rate))):
                changed = f"exchange rate {now.from_currency}/{now.to_currency} of {now.date}"
                yield period, f"{changed}: {period} is closed and keeps that of {rate.date}"


def _rate(terms: Terms, period: Month, like: ExchangeRate) -> ExchangeRate | None:
    try:
        return terms.rate_for(period, like.from_currency, like.to_currency)
    except InvalidConfig:
        return None


def _value(rate: ExchangeRate | None) -> tuple[str, Decimal] | None:
    return (rate.date, rate.rate) if rate else None


def _costs(terms: Terms) -> dict[str, SharedCost]:
    return {cost.cost_id: cost for cost in terms.shared_costs}


def _charged(cost: SharedCost) -> SharedCost:
    """The fields of a cost that decide who is charged how much."""
    return replace(cost, name="", source="")


def _in_period(cost: SharedCost | None, period: Month, calendar: Calendar) -> tuple[Any, ...] | None:
    """How much of a cost a period is charged, when, and how it is split; None where it is not charged."""
    charged = active(cost, period, calendar) if cost else None
    if cost is None or charged is None:
        return None
    split = replace(_charged(cost), price=ZERO, units=1, per=Per.MONTH, period=NO_MONTH, effective=ALWAYS)
    return amount(cost, period, calendar), charged, split
