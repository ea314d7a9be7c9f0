"""How the figure of a budget comes about: spend by date, what is carried and added, and the steps that are reached.

The state is derived from the very amounts that are shown, so they add up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from chargeback.domain.budgets.budget import Budget, Measure, Step
from chargeback.domain.budgets.carrying import PastWindow, carried_into
from chargeback.domain.budgets.state import (
    BooksClock,
    BudgetState,
    Spend,
    date_reached,
    first_date,
    past_windows,
    reached_at,
    state_of,
)
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.outlook.forecast import Estimate
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import month_of
from chargeback.services.budgets.forecasts import is_forecast
from chargeback.services.budgets.spend import BudgetSpend, SpendOfDay
from chargeback.services.budgets.states import BudgetStates, Overrides, books_clock, expected_of
from chargeback.services.ports.control import Catalogues


@dataclass(slots=True)
class SpendOfDate:
    """What a budget's scope spent on a date of the books, in the budget's currency.

    Attributes:
        posted: in the books.
        counted: counted since, and not in the books yet.
        estimated: calls whose usage is not known yet, by an estimate.
    """

    date: date
    posted: Decimal = ZERO
    counted: Decimal = ZERO
    estimated: Decimal = ZERO

    @property
    def spend(self) -> Spend:
        """The three together, as budgets count them."""
        return Spend(EXACT.add(self.posted, self.counted), self.estimated)


@dataclass(frozen=True, slots=True)
class ExplainedWindow:
    """A window that is over, of a budget that carries.

    Attributes:
        carried: what was carried into it.
    """

    past: PastWindow
    carried: Decimal


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """A step with the amount at which it is reached now.

    Attributes:
        reached_on: the date of the window at whose end that much was spent; None: not yet, or it looks at the forecast.
    """

    step: Step
    amount: Decimal
    is_reached: bool
    reached_on: date | None = None


@dataclass(frozen=True, slots=True)
class ExplainedBudget:
    """How a budget stands, and why.

    Attributes:
        clock: the moment.
        dates: those of the current window on which something was spent, ascending.
        windows: the ones that decide what is carried into the current one, ascending.
        steps: every step, in the budget's order.
        forecast: what the window is expected to end with, where a step rests on it.
    """

    clock: BooksClock
    state: BudgetState
    dates: Sequence[SpendOfDate]
    windows: Sequence[ExplainedWindow]
    steps: Sequence[ExplainedStep]
    forecast: Estimate | None = None


class BudgetExplainer:
    """Explains one budget at a time, from the very days and models that its state is derived from."""

    def __init__(self, catalogues: Catalogues, spend: BudgetSpend, overrides: Overrides, states: BudgetStates) -> None:
        self._catalogues = catalogues
        self._spend = spend
        self._overrides = overrides
        self._states = states

    async def explain(self, budget: Budget, now: datetime) -> ExplainedBudget:
        """How a budget stands now. Raises `InvalidConfig` where its spend is in a currency that no rate leads from."""
        catalogue, terms = await self._catalogues.current(), await self._catalogues.terms()
        clock = books_clock(catalogue.calendar, now)
        first = first_date(budget, clock)
        dates = await self._dates(budget, terms, clock, first, catalogue.currency)
        spend = {day: each.spend for day, each in dates.items()}
        overrides = await self._overrides.all()
        forecast = [budget] if is_forecast(budget) else []
        forecasts = await self._states.forecast(forecast, now, seconds=math.inf)
        state = state_of(budget, clock, spend, overrides, expected_of(forecasts, budget))
        past = past_windows(budget, clock, spend, overrides)
        return ExplainedBudget(
            clock,
            state,
            [each for day, each in sorted(dates.items()) if day in state.window],
            [ExplainedWindow(window, carried_into(budget, past[:number])) for number, window in enumerate(past)],
            [_explained_step(step, state, spend, clock) for step in budget.steps],
            forecasts.get(budget.id),
        )

    async def _dates(
        self, budget: Budget, terms: Terms, clock: BooksClock, first: date, currency: str
    ) -> dict[date, SpendOfDate]:
        found: dict[date, SpendOfDate] = {}
        for each in await self._spend.by_day(terms.watched, BookDate(first.isoformat()), clock.now, currency):
            _add(found, budget, terms, each)
        return {day: each for day, each in found.items() if day >= first}


def _explained_step(step: Step, state: BudgetState, spend: Mapping[date, Spend], clock: BooksClock) -> ExplainedStep:
    amount = reached_at(step, state.limit)
    on = date_reached(state, spend, amount, clock) if step.of is Measure.ACTUAL else None
    return ExplainedStep(step, amount, step in state.reached, on)


def _add(found: dict[date, SpendOfDate], budget: Budget, terms: Terms, of_day: SpendOfDay) -> None:
    posted, counted = of_day.posted, of_day.whole
    for day in counted.known.keys() | counted.estimated.keys():
        known = counted.known.get(day, {}).get(budget.scope, ZERO)
        estimated = counted.estimated.get(day, {}).get(budget.scope, ZERO)
        if known or estimated:
            in_books = posted.known.get(day, {}).get(budget.scope, ZERO)
            rate = _rate(budget, terms, day, counted.currencies)
            of_date = found.setdefault(day, SpendOfDate(day))
            of_date.posted = EXACT.add(of_date.posted, EXACT.multiply(in_books, rate))
            since = EXACT.subtract(known, in_books)
            of_date.counted = EXACT.add(of_date.counted, EXACT.multiply(since, rate))
            of_date.estimated = EXACT.add(of_date.estimated, EXACT.multiply(estimated, rate))


def _rate(budget: Budget, terms: Terms, day: date, currencies: frozenset[str]) -> Decimal:
    if len(currencies) > 1:
        raise InvalidConfig([f"the costs of {day} are in {' and '.join(sorted(currencies))}, which have no sum"])
    (currency,) = currencies
    return terms.rate_for(month_of(BookDate(day.isoformat())), currency, budget.currency).rate
