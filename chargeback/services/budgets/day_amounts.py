"""How much the scopes of budgets spent on one UTC day: posted spend, and what the counter has in addition.

A day's document says what the counter had spent before it was posted; what it has spent since is added. Under another
epoch the counter has lost the day, and then the larger of the two is the least that was spent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from chargeback.domain.budgets.budget import Scope
from chargeback.domain.budgets.scopes import WatchedScopes
from chargeback.domain.budgets.spend_fields import read_spend_field
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.services.ports.counter import CountedSpend
from chargeback.services.usage.watched_spend import DaySpend

PICODOLLARS = -12
"""The power of ten."""

Amounts = dict[date, dict[Scope, Decimal]]


@dataclass(slots=True)
class DayAmounts:
    """What the scopes of budgets spent, by date of the books, a cost centre with everything below it.

    Attributes:
        known: billed usage.
        estimated: calls whose usage is not known yet.
        currencies: those of both; several have no sum that means anything.
        unknown: the scopes of which not every cost is known: charges that are unpriced or unsettled, or calls that are
            estimated.
    """

    known: Amounts = field(default_factory=dict)
    estimated: Amounts = field(default_factory=dict)
    currencies: frozenset[str] = frozenset()
    unknown: dict[date, set[Scope]] = field(default_factory=dict)


def day_amounts(posted: DaySpend, counted: CountedSpend, currency: str, watched: WatchedScopes) -> DayAmounts:
    """The amounts of a day; `currency` is that of what is counted."""
    costs, estimates = dict(posted.costs), {}
    is_same = counted.epoch == posted.counted.epoch
    for name, picodollars in counted.picodollars.items():
        known = read_spend_field(name)
        if known is None or picodollars <= 0:
            continue
        if known.estimated:
            estimates[name] = from_picodollars(picodollars)
        elif is_same:
            since = max(picodollars - posted.counted.picodollars.get(name, 0), 0)
            costs[name] = EXACT.add(costs.get(name, ZERO), from_picodollars(since))
        else:
            costs[name] = max(costs.get(name, ZERO), from_picodollars(picodollars))
    currencies = frozenset(posted.currencies)
    if counted.picodollars:
        currencies |= {currency}
    unknown = _scopes_by_date([*(posted.unknown or ()), *estimates], watched)
    return DayAmounts(_by_date(costs, watched), _by_date(estimates, watched), currencies, unknown)


def from_picodollars(picodollars: int) -> Decimal:
    """The same in the currency's unit."""
    return Decimal(picodollars).scaleb(PICODOLLARS, EXACT)


def _by_date(amounts: Mapping[str, Decimal], watched: WatchedScopes) -> Amounts:
    found: Amounts = {}
    for name, amount in amounts.items():
        known = read_spend_field(name)
        if known is None or not amount:
            continue
        of_date = found.setdefault(date.fromisoformat(known.date), {})
        for scope in watched.above(known.scope):
            of_date[scope] = EXACT.add(of_date.get(scope, ZERO), amount)
    return found


def _scopes_by_date(names: Iterable[str], watched: WatchedScopes) -> dict[date, set[Scope]]:
    found: dict[date, set[Scope]] = {}
    for name in names:
        if known := read_spend_field(name):
            found.setdefault(date.fromisoformat(known.date), set()).update(watched.above(known.scope))
    return found
