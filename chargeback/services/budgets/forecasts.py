"""Forecasts how much each budget's window will end with, by the same models of daily spend as every other forecast.

Only budgets with a step on the forecast are forecast. A model rests on whole days, so it is made once for each date of
the books, in a thread; an evaluation waits for models no longer than a moment, and further ones follow with the next.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from chargeback.domain.budgets.budget import Budget, Measure
from chargeback.domain.budgets.state import BooksClock, Spend
from chargeback.domain.budgets.windows import Window, window_of
from chargeback.domain.money.exact import EXACT, total
from chargeback.services.forecasting.spend_history import WEEKS

HISTORY_DAYS = 7 * WEEKS
"""How far back a pattern is looked for."""

SECONDS_A_TIME = 2.0
"""How long one evaluation works on models; with a day of 24 hours there is time for all."""

_CENT = Decimal("0.01")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Coming:
    """What a scope will probably spend until its window ends, as known when a date began.

    Attributes:
        with_today: on that date and on those after it.
        after_today: on those after it alone.
    """

    with_today: float
    after_today: float


class Forecasts:
    """Forecasts budgets; keeps the models of a date."""

    def __init__(self, *, seconds: float = SECONDS_A_TIME) -> None:
        self._seconds = seconds
        self._today: date | None = None
        self._coming: dict[str, tuple[Budget, Coming | None]] = {}

    async def of(self, budgets: Sequence[tuple[Budget, Mapping[date, Spend]]], clock: BooksClock) -> dict[str, Decimal]:
        """Budget → what its window is expected to end with; budgets without a forecast yet are left out."""
        if self._today != clock.today:
            self._today, self._coming = clock.today, {}
        new = [each for each in budgets if each[0].id not in self._coming or self._coming[each[0].id][0] != each[0]]
        if new:
            await asyncio.to_thread(self._model, new, clock.today)
        found: dict[str, Decimal] = {}
        for budget, spend in budgets:
            _, coming = self._coming.get(budget.id, (budget, None))
            if coming is not None:
                found[budget.id] = _expected(coming, spend, window_of(budget.every, clock.today), clock.today)
        return found

    def _model(self, budgets: Sequence[tuple[Budget, Mapping[date, Spend]]], today: date) -> None:
        until = time.monotonic() + self._seconds
        for budget, spend in budgets:
            self._coming[budget.id] = budget, _coming(spend, window_of(budget.every, today), today)
            if time.monotonic() >= until:
                return


def is_forecast(budget: Budget) -> bool:
    """Whether a step of a budget rests on its forecast."""
    return any(step.of is Measure.FORECAST for step in budget.steps)


def _coming(spend: Mapping[date, Spend], window: Window, today: date) -> Coming | None:
    """The expected spend of the coming days; None where less than a week of whole days is known."""
    import numpy as np  # with the statistics library: seconds, for those who forecast alone

    from chargeback.services.forecasting.spend_models import paths_of

    first = min((day for day, spent in spend.items() if spent.known), default=today)
    days = min((today - first).days, HISTORY_DAYS)
    past = [spend.get(today - number * _DAY, Spend()).known for number in range(days, 0, -1)]
    weekday = (today - days * _DAY).weekday()
    _, paths = paths_of([float(cost) for cost in past], weekday, (window.after - today).days)
    if paths is None:
        return None
    return Coming(float(np.median(paths.sum(axis=1))), float(np.median(paths[:, 1:].sum(axis=1))))


def _expected(coming: Coming, spend: Mapping[date, Spend], window: Window, today: date) -> Decimal:
    """The spend of the window so far with the coming days; today cannot end below what is already spent."""
    before = total(spent.known for day, spent in spend.items() if window.first <= day < today)
    spent_today = float(spend.get(today, Spend()).total)
    rest = Decimal(max(coming.with_today, spent_today + coming.after_today))
    return EXACT.add(before, rest.quantize(_CENT, ROUND_HALF_EVEN))
