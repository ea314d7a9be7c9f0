"""Forecasts how much each budget's window will end with, by the same models of daily spend as every other forecast.

Only budgets with a step on the forecast are forecast. A model rests on whole days, so it is made once for each date of
the books, in a thread; an evaluation waits for models no longer than a moment, and further ones follow with the next.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from chargeback.domain.budgets.budget import Budget, Measure
from chargeback.domain.budgets.state import BooksClock, Spend, begun_on
from chargeback.domain.budgets.windows import window_of
from chargeback.domain.money.exact import EXACT, ZERO, total
from chargeback.domain.outlook.forecast import Estimate
from chargeback.services.forecasting.spend_history import WEEKS

if TYPE_CHECKING:
    from chargeback.services.forecasting.coming_spend import ComingSpend, Dates

HISTORY_DAYS = 7 * WEEKS
"""How far back a pattern is looked for."""

SECONDS_A_TIME = 2.0
"""How long one evaluation works on models; with a day of 24 hours there is time for all."""

_DAY = timedelta(days=1)

SpendOfDates = Mapping[date, Spend]


@dataclass(slots=True)
class _Known:
    """The model of a budget on a date, with the latest forecast that was made with it.

    Attributes:
        coming: None where less than a week of whole days is known.
        spent: before today and today; `estimate` was made of it.
    """

    budget: Budget
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
        budgets: Sequence[tuple[Budget, SpendOfDates]],
        clock: BooksClock,
        *,
        seconds: float | None = None,
        makes_models: bool = True,
    ) -> dict[str, Estimate]:
        """Budget → what its window is expected to end with; budgets without a forecast yet are left out.

        `seconds`: how long to work on models, if that is not as long as usual; at least one is made.
        `makes_models`: whether any is made; else only what is known is told.
        """
        new = [each for each in budgets if not self.has_model(each[0], clock)]
        if new and makes_models:
            await asyncio.to_thread(self._model, new, clock.today, self._seconds if seconds is None else seconds)
        found: dict[str, Estimate] = {}
        for budget, spend in budgets:
            known = self._known.get(budget.id)
            if known is not None and known.budget == budget and known.coming is not None:
                found[budget.id] = _estimate(known, known.coming, spend, clock)
        return found

    def has_model(self, budget: Budget, clock: BooksClock) -> bool:
        """Whether it is known how the spend of a budget goes on, or that nobody can tell."""
        if self._today != clock.today:
            self._today, self._known = clock.today, {}
        known = self._known.get(budget.id)
        return known is not None and known.budget == budget

    def used_up(self, budget: Budget, spend: SpendOfDates, limit: Decimal, clock: BooksClock) -> "Dates":
        """In how many days the limit of a budget is used up; nothing where no model says so."""
        known = self._known.get(budget.id)
        if known is None or known.coming is None:
            return None, None, None
        return known.coming.reach(*_before_and_today(budget, spend, clock), limit)

    def _model(self, budgets: Sequence[tuple[Budget, SpendOfDates]], today: date, seconds: float) -> None:
        until = time.monotonic() + seconds
        for budget, spend in budgets:
            self._known[budget.id] = _Known(budget, _coming(spend, budget, today))
            if time.monotonic() >= until:
                return


def is_forecast(budget: Budget) -> bool:
    """Whether a step of a budget rests on its forecast."""
    return any(step.of is Measure.FORECAST for step in budget.steps)


def _coming(spend: SpendOfDates, budget: Budget, today: date) -> "ComingSpend | None":
    """The spend of the coming days; None where less than a week of whole days is known."""
    # With the statistics library: seconds, for those who forecast alone.
    from chargeback.services.forecasting.coming_spend import ComingSpend
    from chargeback.services.forecasting.spend_models import paths_of

    first = min((day for day, spent in spend.items() if spent.known), default=today)
    days = min((today - first).days, HISTORY_DAYS)
    past = [spend.get(today - number * _DAY, Spend()).known for number in range(days, 0, -1)]
    weekday = (today - days * _DAY).weekday()
    _, paths = paths_of([float(cost) for cost in past], weekday, (window_of(budget.every, today).after - today).days)
    return None if paths is None else ComingSpend.of(paths)


def _estimate(known: _Known, coming: "ComingSpend", spend: SpendOfDates, clock: BooksClock) -> Estimate:
    """The spend of the window so far with the coming days; today cannot end below what is already spent."""
    before, today = _before_and_today(known.budget, spend, clock)
    if known.estimate is None or known.spent != (before, today):
        can_only_rise = min((spent.known for spent in spend.values()), default=ZERO) >= 0
        least = EXACT.add(before, today) if can_only_rise else None
        known.spent, known.estimate = (before, today), coming.estimate(before, today, least)
    return known.estimate


def _before_and_today(budget: Budget, spend: SpendOfDates, clock: BooksClock) -> tuple[Decimal, Decimal]:
    """What is spent of the window before the date under way, and on it."""
    first = max(window_of(budget.every, clock.today).first, begun_on(budget, clock))
    before = total(spent.known for day, spent in spend.items() if first <= day < clock.today)
    return before, spend.get(clock.today, Spend()).total
