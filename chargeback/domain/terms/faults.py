"""Faults in terms, checked against a catalogue: unknown names, and costs that nobody pays."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from chargeback.domain.budgets.budget import Budget, ScopeKind
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.tree import UNALLOCATED
from chargeback.domain.deployments.deployment import PROVISIONED
from chargeback.domain.money.numerals import grouped
from chargeback.domain.terms.shared_costs import (
    LARGEST_COST,
    Basis,
    BasisMeasure,
    CostKind,
    Per,
    SharedCost,
    covers,
    largest,
)
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.terms.true_ups import is_reserved
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import ALWAYS, Effective

_HUNDRED = Decimal(100)
_NO_COST = "measure: calls of a provisioned deployment cost nothing by themselves; measure tokens or requests"


def exchange_rate_faults(rates: Sequence[ExchangeRate]) -> Iterator[str]:
    """Faults of the rates alone, each beginning with its place."""
    seen: set[tuple[str, str, str]] = set()
    for index, rate in enumerate(rates):
        key = (rate.from_currency, rate.to_currency, rate.date)
        if rate.from_currency == rate.to_currency:
            yield f"exchangeRates[{index}]: leads from {rate.from_currency} to itself"
        if rate.rate <= 0:
            yield f"exchangeRates[{index}].rate: {rate.rate} is not above zero"
        if key in seen:
            yield f"exchangeRates[{index}]: another one is of the same currencies and date"
        seen.add(key)


def missing_rates(terms: Terms, catalogue: Catalogue) -> Iterator[str]:
    """Currencies without an exchange rate to that of the books; each fault begins with its place."""
    currencies = catalogue.calendar.currencies(ALWAYS)
    wanted = {(catalogue.currency, currency): "the rate card" for currency in currencies}
    wanted |= {
        (cost.currency, currency): f"the shared cost {cost.cost_id!r}"
        for cost in terms.shared_costs
        for currency in _billed_in(cost, catalogue.calendar)
    }
    pairs = {(rate.from_currency, rate.to_currency) for rate in terms.exchange_rates}
    for currency in currencies:
        for (other, into), user in wanted.items():
            if into == currency != other and (other, currency) not in pairs:
                yield f"exchangeRates: none from {other} (of {user}) to {currency} (of the books)"


def _billed_in(cost: SharedCost, calendar: Calendar) -> tuple[str, ...]:
    """The currencies of the periods that a cost belongs to."""
    if cost.per is Per.PERIOD:
        return (calendar.currency(cost.corrects or cost.period),)
    return calendar.currencies(cost.effective)


def unknown_in_budgets(budgets: Sequence[tuple[str, Budget]], terms: Terms, catalogue: Catalogue) -> Iterator[str]:
    """Cost centres and currencies of budgets, which come with their places, that the books do not know."""
    known = {centre.path for centre in catalogue.allocation.centres}
    rates = {rate.to_currency for rate in terms.exchange_rates if rate.from_currency == catalogue.currency}
    currencies = {catalogue.currency, *(setting.currency for setting in catalogue.calendar.settings), *rates}
    for place, budget in budgets:
        centre = budget.scope.value
        if budget.scope.kind is ScopeKind.COST_CENTRE and centre not in known and centre != UNALLOCATED:
            yield f"{place}.costCentre: {centre!r} is not under costCentres"
        if budget.currency not in currencies:
            yield (
                f"{place}.currency: costs are in {' or '.join(sorted(currencies))}, and no rate of exchangeRates leads"
                f" from {catalogue.currency} to {budget.currency}"
            )


def shared_cost_faults(costs: Sequence[tuple[str, SharedCost]], catalogue: Catalogue) -> Iterator[str]:
    """Faults of the shared costs, which come with their places, each beginning with its place."""
    taken: set[str] = set()
    for place, cost in costs:
        if not cost.cost_id or cost.cost_id in taken:
            yield f"{place}.id: {cost.cost_id!r} is empty or taken"
        taken.add(cost.cost_id)
        own = (
            *cost.effective.faults(),
            *_price_faults(cost),
            *_basis_faults(cost),
            *_centre_faults(cost, catalogue),
            *_capacity_faults(cost, catalogue),
        )
        yield from (f"{place}.{fault}" for fault in own)


def refused_in_files(costs: Sequence[tuple[str, SharedCost]]) -> Iterator[str]:
    """Faults that files must not have. Stored versions that were in force with them stay readable."""
    for place, cost in costs:
        if is_reserved(cost.cost_id):
            yield f"{place}.id: {cost.cost_id!r} begins like the true-up of an invoice: give it another name"
        if largest(cost) > LARGEST_COST:
            most = grouped(largest(cost))
            yield f"{place}.units: together they cost {most} {cost.currency} in a month, above {grouped(LARGEST_COST)}"
        if _is_by_what_costs_nothing(cost):
            yield f"{place}.{_NO_COST}"


def _is_by_what_costs_nothing(cost: SharedCost) -> bool:
    by_cost = cost.basis is Basis.EVEN and not cost.among and cost.measure is BasisMeasure.COST
    return cost.kind is CostKind.PROVISIONED and by_cost


def free_deployments(costs: Sequence[SharedCost], catalogue: Catalogue) -> Iterator[str]:
    """Provisioned deployments that no shared cost covers."""
    for names in catalogue.deployments.values():
        for deployment in names.values():
            if deployment.type in PROVISIONED and not any(covers(cost, deployment) for cost in costs):
                yield (
                    f"sharedCosts: no provisioned one covers the {deployment.type} deployment {deployment.name!r}"
                    f" of {deployment.account!r}, so its use would be free"
                )


def _price_faults(cost: SharedCost) -> Iterator[str]:
    if cost.units < 1:
        yield f"units: {cost.units} is less than one"
    if cost.price < 0 and cost.per is not Per.PERIOD:
        yield f"per{cost.per.title()}: is below zero; a credit has an amount and a period"
    if cost.corrects and cost.corrects >= cost.period:
        yield f"corrects: {cost.corrects} is not before the period that it is charged in"


def _basis_faults(cost: SharedCost) -> Iterator[str]:
    if cost.measure is BasisMeasure.QUANTITY:
        yield "measure: quantities of different meters have no sum; measure cost, tokens or requests"
    by_usage = cost.basis in (Basis.USAGE, Basis.WEIGHTED)
    if cost.kind is CostKind.PROVISIONED and by_usage and cost.measure is BasisMeasure.COST:
        yield _NO_COST
    for name, given, basis in (
        ("shares", cost.shares, Basis.FIXED),
        ("weights", cost.weights, Basis.WEIGHTED),
        ("among", cost.among, Basis.EVEN),
    ):
        if given and cost.basis is not basis:
            yield f"{name}: belongs to the basis {basis}, not to {cost.basis}"
    if cost.basis is Basis.FIXED and sum(cost.shares.values()) != _HUNDRED:
        yield f"shares: sum to {sum(cost.shares.values())}, not to 100"
    for name, given in (("shares", cost.shares), ("weights", cost.weights)):
        yield from (f"{name}.{path}: {part} is below zero" for path, part in given.items() if part < 0)
    if len(set(cost.among)) < len(cost.among):
        yield "among: names a cost centre twice"


def _centre_faults(cost: SharedCost, catalogue: Catalogue) -> Iterator[str]:
    times = {centre.path: centre.effective for centre in catalogue.allocation.centres}
    charged = _charged(cost, catalogue.calendar)
    named = [("among", path) for path in cost.among]
    named += [("capacity.idle", cost.capacity.idle)] if cost.capacity else []
    named += [("shares", path) for path in cost.shares] + [("weights", path) for path in cost.weights]
    for name, path in named:
        if path == UNALLOCATED:
            continue
        if path not in times:
            yield f"{name}: {path!r} is not under costCentres"
        elif name != "weights" and not charged.is_within(times[path]):
            yield f"{name}: {path!r} is effective {times[path]}, but the shared cost {charged}"


def _capacity_faults(cost: SharedCost, catalogue: Catalogue) -> Iterator[str]:
    capacity = cost.capacity
    if capacity is None:
        return
    if cost.kind is not CostKind.PROVISIONED or cost.basis is not Basis.USAGE or cost.per is Per.PERIOD:
        yield "capacity: belongs to a provisioned cost by the hour or month with the basis usage"
    if capacity.tokens_per_minute <= 0:
        yield f"capacity.tokensPerMinute: {capacity.tokens_per_minute} is not above zero"
    if capacity.output_counts <= 0:
        yield f"capacity.outputCountsAs: {capacity.output_counts} is not above zero"
    rules = [rule.id for rule in catalogue.allocation.rules if rule.cost_centre == capacity.idle]
    if rules or capacity.idle == UNALLOCATED:
        by = f"gets calls by the rule {rules[0]!r}" if rules else "gets the calls that no rule claims"
        yield f"capacity.idle: {capacity.idle!r} {by}: name a cost centre that pays for idle capacity alone"


def _charged(cost: SharedCost, calendar: Calendar) -> Effective:
    return calendar.time_of(cost.period) if cost.per is Per.PERIOD else cost.effective
