"""Forecasts how much each budget's window will end with, by the same models of daily spend as every other forecast.

Only budgets with a step on the forecast are forecast. A model rests on whole days, so it is made once for each date of
the books and again where one of these days comes to something else, in a thread. An evaluation waits for models no
longer than a moment, and further ones follow with the next.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from chargeback.domain.budgets.budget import Budget, Measure
from chargeback.domain.budgets.state import BooksClock, Spend, begun_on
from chargeback.domain.budgets.windows import window_of
from chargeback.domain.money.exact import EXACT, ZERO, total
from chargeback.domain.outlook.forecast import Estimate
from chargeback.services.forecasting.spend_history import HISTORY_DAYS

if TYPE_CHECKING:
    from chargeback.services.forecasting.coming_spend import ComingSpend, Dates

SECONDS_A_TIME = 2.0
"""How long one evaluation works on models; with a day of 24 hours there is time for all."""

_DAY = timedelta(days=1)

SpendOfDates = Mapping[date, Spend]


@dataclass(frozen=True, slots=True)
class ForecastBasis:
    """What a budget is forecast from.

    Attributes:
        spend: what its scope spent, by date.
        whole: the days that are over (`spend_history.whole_days`), at the exchange rate of the month under way, because
            the coming days are charged at that.
    """

    budget: Budget
    spend: SpendOfDates
    whole: Sequence[Decimal | None]


@dataclass(slots=True)
class _Known:
    """The model of a budget on a date, with the latest forecast that was made with it.

    Attributes:
        today: the date.
        whole: the days that it rests on.
        coming: None where less than a week of whole days is known.
        spent: before today and today; `estimate` was made of it.
    """

    budget: Budget
    today: date
    whole: Sequence[Decimal | None]
    coming: "ComingSpend | None"
    spent: tuple[Decimal, Decimal] | None = None
    estimate: Estimate | None = None


class Forecasts:
    """Forecasts budgets; keeps the models of a date."""

    def __init__(self, *, seconds: float = SECONDS_A_TIME) -> None:
        self._seconds = seconds
        self._today: date | None = None
        self._known: dict[str, _Known] = {}

    async def of(
        self,
        budgets: Sequence[ForecastBasis],
        clock: BooksClock,
        *,
        seconds: float | None = None,
        makes_models: bool = True,
    ) -> dict[str, Estimate]:
        """Budget → what its window is expected to end with; budgets without a forecast yet are left out.

        `seconds`: how long to work on models, if that is not as long as usual; at least one is made.
        `makes_models`: whether any is made; else only what is known is told.
        """
        due = [each for each in budgets if not self.has_model(each, clock)]
        if due and makes_models:
            due.sort(key=lambda each: self._of(each, clock) is not None)  # those first that have none at all
            await asyncio.to_thread(self._model, due, clock.today, self._seconds if seconds is None else seconds)
        found: dict[str, Estimate] = {}
        for each in budgets:
            known = self._of(each, clock)
            if known is not None and known.coming is not None:
                found[each.budget.id] = _estimate(known, known.coming, each.spend, clock)
        return found

    def has_model(self, basis: ForecastBasis, clock: BooksClock) -> bool:
        """Whether it is known how the spend of a budget goes on after these days, or that nobody can tell."""
        known = self._of(basis, clock)
        return known is not None and known.whole == basis.whole

    def used_up(self, basis: ForecastBasis, limit: Decimal, clock: BooksClock) -> "Dates":
        """In how many days the limit of a budget is used up; nothing where no model says so."""
        known = self._of(basis, clock)
        if known is None or known.coming is None:
            return None, None, None
        return known.coming.reach(*_before_and_today(basis.budget, basis.spend, clock), limit)

    def _of(self, basis: ForecastBasis, clock: BooksClock) -> _Known | None:
        """The model of a budget for this date; one that rests on other days serves until the next one is made."""
        if self._today != clock.today:
            self._today, self._known = clock.today, {}
        known = self._known.get(basis.budget.id)
        return known if known is not None and (known.budget, known.today) == (basis.budget, clock.today) else None

    def _model(self, budgets: Sequence[ForecastBasis], today: date, seconds: float) -> None:
        # With the statistics library: seconds, for those who forecast alone.
        from chargeback.services.forecasting.coming_spend import coming_spend

        until = time.monotonic() + seconds
        for each in budgets:
            dates = (window_of(each.budget.every, today).after - today).days
            _, coming = coming_spend(each.whole, today, dates)
            self._known[each.budget.id] = _Known(each.budget, today, each.whole, coming)
            if time.monotonic() >= until:
                return


def is_forecast(budget: Budget) -> bool:
    """Whether a step of a budget rests on its forecast."""
    return any(step.of is Measure.FORECAST for step in budget.steps)


@lru_cache(maxsize=128)
def history_dates(today: date) -> tuple[date, ...]:
    """The dates that a forecast of today looks back to, ascending."""
    return tuple(today - number * _DAY for number in range(HISTORY_DAYS, 0, -1))


def _estimate(known: _Known, coming: "ComingSpend", spend: SpendOfDates, clock: BooksClock) -> Estimate:
    """The spend of the window so far with the coming days; today cannot end below what is already spent."""
    before, today = _before_and_today(known.budget, spend, clock)
    if known.estimate is None or known.spent != (before, today):
        can_only_rise = min((spent.known for spent in spend.values()), default=ZERO) >= 0
        least = EXACT.add(before, today) if can_only_rise else None
        known.spent, known.estimate = (before, today), coming.estimate(before, today, least)
    return known.estimate


def _before_and_today(budget: Budget, spend: SpendOfDates, clock: BooksClock) -> tuple[Decimal, Decimal]:
    """What is spent of the window before the date under way, and on it, with estimates: what the limit is of."""
    first = max(window_of(budget.every, clock.today).first, begun_on(budget, clock))
    before = total(spent.total for day, spent in spend.items() if first <= day < clock.today)
    return before, spend.get(clock.today, Spend()).total
