"""The state of every budget in force, derived from spend alone."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

from chargeback.domain.budgets.budget import Budget, Override
from chargeback.domain.budgets.state import BooksClock, BudgetState, Spend, first_date, state_of
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import EXACT
from chargeback.domain.outlook.forecast import Estimate
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, month_of
from chargeback.services.budgets.forecasts import ForecastBasis, Forecasts, history_dates, is_forecast
from chargeback.services.budgets.spend import BudgetSpend, SpendByDate
from chargeback.services.forecasting.spend_history import whole_days
from chargeback.services.ports.control import Catalogues


class Overrides(Protocol):
    """Where the temporary changes of limits are kept."""

    async def all(self) -> Sequence[Override]:
        """Every override, whenever it holds or held."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The states of budgets at a moment.

    Attributes:
        clock: the moment.
        states: those of the budgets in force, in the order of the configuration.
        unknown: budget → why nobody can say how it stands.
        spend: budget → what its scope spent by date, in the budget's currency: what the states are derived from.
        forecasts: budget → what its window is expected to end with, where a step rests on it.
        overrides: budget → every change of its limit, whenever it holds or held.
    """

    clock: BooksClock
    states: tuple[BudgetState, ...]
    unknown: Mapping[str, str] = field(default_factory=dict)
    spend: Mapping[str, Mapping[date, Spend]] = field(default_factory=dict)
    forecasts: Mapping[str, Estimate] = field(default_factory=dict)
    overrides: Mapping[str, Sequence[Override]] = field(default_factory=dict)

    def overrides_of(self, budget: Budget) -> tuple[Override, ...]:
        """Every change of a budget's limit."""
        return tuple(self.overrides.get(budget.id, ()))


class BudgetStates:
    """Evaluates the budgets in force."""

    def __init__(self, catalogues: Catalogues, spend: BudgetSpend, overrides: Overrides, forecasts: Forecasts) -> None:
        self._catalogues = catalogues
        self._spend = spend
        self._overrides = overrides
        self.forecasts = forecasts

    async def evaluate(self, now: datetime) -> Evaluation:
        """The states of the budgets in force at `now` (UTC)."""
        catalogue, terms = await self._catalogues.current(), await self._catalogues.terms()
        clock = books_clock(catalogue.calendar, now)
        budgets = [each for each in terms.budgets if each.effective.holds(now)]
        if not budgets:
            return Evaluation(clock, ())
        first = BookDate(_first(budgets, clock).isoformat())
        overrides = await self._overrides.all()
        spend = await self._spend.by_date(terms.watched, first, now, catalogue.currency)
        converted: dict[str, Mapping[date, Spend]] = {}
        unknown: dict[str, str] = {}
        for budget in budgets:
            try:
                converted[budget.id] = _in_currency_of(budget, spend, terms)
            except InvalidConfig as error:
                unknown[budget.id] = str(error)
        known = [budget for budget in budgets if budget.id in converted]
        bases = [_basis(each, converted[each.id], spend, terms, clock) for each in known if is_forecast(each)]
        forecasts = await self.forecasts.of(bases, clock)
        by_budget: dict[str, list[Override]] = {}
        for override in overrides:
            by_budget.setdefault(override.budget, []).append(override)
        states = (
            state_of(each, clock, converted[each.id], by_budget.get(each.id, ()), expected_of(forecasts, each))
            for each in known
        )
        return Evaluation(clock, tuple(states), unknown, converted, forecasts, by_budget)

    async def forecast(
        self, budgets: Sequence[Budget], now: datetime, *, seconds: float | None = None
    ) -> dict[str, Estimate]:
        """What the windows of budgets are expected to end with, also where no step rests on that.

        Budgets without a forecast yet are left out, and so are those of which nobody can say how they stand.
        `seconds`: see `Forecasts.of`.
        """
        if not budgets:
            return {}  # without a look at ten weeks
        clock, bases = await self.with_history(budgets, now)
        return await self.forecasts.of(list(bases.values()), clock, seconds=seconds)

    async def with_history(
        self, budgets: Sequence[Budget], now: datetime
    ) -> tuple[BooksClock, dict[str, ForecastBasis]]:
        """Budget → what it is forecast from; those of which nobody can say how they stand are left out."""
        catalogue, terms = await self._catalogues.current(), await self._catalogues.terms()
        clock = books_clock(catalogue.calendar, now)
        first = min([history_dates(clock.today)[0], *(first_date(each, clock) for each in budgets)])
        spend = await self._spend.by_date(terms.watched, BookDate(first.isoformat()), now, catalogue.currency)
        found: dict[str, ForecastBasis] = {}
        for budget in budgets:
            with suppress(InvalidConfig):
                converted = _in_currency_of(budget, spend, terms)
                found[budget.id] = _basis(budget, converted, spend, terms, clock)
        return clock, found


def expected_of(forecasts: Mapping[str, Estimate], budget: Budget) -> Decimal | None:
    """What the window of a budget is expected to end with; None where nobody can tell yet."""
    found = forecasts.get(budget.id)
    return found.expected if found else None


def books_clock(calendar: Calendar, now: datetime) -> BooksClock:
    """The current time and date in the books.

    Thousands of budgets begin at the same few moments, so each is looked up in the time zone once.
    """
    midnight = lru_cache(maxsize=1024)(lambda day: calendar.midnight(BookDate(day.isoformat())))
    date_of = lru_cache(maxsize=1024)(lambda moment: date.fromisoformat(calendar.date_of(moment)))
    return BooksClock(now, date_of(now), midnight, date_of)


def _first(budgets: Iterable[Budget], clock: BooksClock) -> date:
    """The first date that decides anything about any of the budgets."""
    history = history_dates(clock.today)[0]
    return min(
        min(first_date(each, clock), history) if is_forecast(each) else first_date(each, clock) for each in budgets
    )


def _basis(
    budget: Budget, converted: Mapping[date, Spend], spend: SpendByDate, terms: Terms, clock: BooksClock
) -> ForecastBasis:
    at_today = _in_currency_of(budget, spend, terms, _month_of(clock.today))
    known = {day: each.known for day, each in at_today.items()}
    unknown = spend.unknown.get(budget.scope, frozenset())
    return ForecastBasis(budget, converted, whole_days(history_dates(clock.today), known, unknown))


def _in_currency_of(budget: Budget, spend: SpendByDate, terms: Terms, at: Month | None = None) -> Mapping[date, Spend]:
    """What the scope of a budget spent, in the budget's currency, at the rates of a month or else of each one's own.

    Raises `InvalidConfig` where no rate leads there, or where a date has costs in several currencies.
    """
    found = spend.by_scope.get(budget.scope, {})
    own = frozenset({budget.currency})
    if all(spend.currencies[day] == own for day in found):
        return found
    return {
        day: _converted(spent, _only_currency(spend, day), at or _month_of(day), budget, terms)
        for day, spent in found.items()
    }


def _only_currency(spend: SpendByDate, day: date) -> str:
    currencies = spend.currencies[day]
    if len(currencies) > 1:
        raise InvalidConfig([f"the costs of {day} are in {' and '.join(sorted(currencies))}, which have no sum"])
    (currency,) = currencies
    return currency


def _converted(spent: Spend, currency: str, month: Month, budget: Budget, terms: Terms) -> Spend:
    rate = terms.rate_for(month, currency, budget.currency).rate
    return Spend(EXACT.multiply(spent.known, rate), EXACT.multiply(spent.estimated, rate))


def _month_of(day: date) -> Month:
    return month_of(BookDate(day.isoformat()))
