"""Forecasts what a cost centre will have spent at the end of a month, and when its budgets are used up."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.money.exact import ZERO, total
from chargeback.domain.outlook.forecast import (
    BudgetOutlook,
    Forecast,
    Method,
    Reach,
    certain,
    marks,
    reached_on,
)
from chargeback.services.forecasting.coming_spend import ComingSpend
from chargeback.services.forecasting.series import WEEK, Floats
from chargeback.services.forecasting.spend_history import WEEKS, History, Into, Viewpoint
from chargeback.services.forecasting.spend_models import paths_of

_EARLIEST, _EXPECTED, _LATEST = 0.1, 0.5, 0.9


class Course:
    """How the spend of a cost centre with everything below it goes on until the end of the month."""

    def __init__(self, history: History, centre: str, view: Viewpoint, into: Into) -> None:
        self._centre = centre
        self._view = view
        self._spend = history.below(centre, into)
        self._of_period = self._spend.of(view.period)
        self._method = Method.COMPLETE
        self._days = 0
        self._paths: Floats | None = None
        self._coming: ComingSpend | None = None
        if self._spend.is_mixed:
            self._method = Method.SEVERAL_CURRENCIES
        elif view.dates:
            self._draw()

    def _draw(self) -> None:
        """The coming days, a row for each way in which they may turn out."""
        today = self._view.today
        spent_today = float(self._spend.since_first(today)[-1])
        whole = self._spend.known_since_first(today)[:-1][-WEEKS * WEEK :]
        weekday = (date.fromisoformat(today).weekday() - len(whole)) % WEEK
        self._days = sum(cost is not None for cost in whole)
        if self._days < WEEK:
            self._method = Method.NOT_ENOUGH_DATA
            return
        self._method, self._paths = paths_of(_filled(whole), weekday, len(self._view.dates))
        if self._paths is not None:
            self._coming = ComingSpend.of(self._paths)
            # A part of today's spend is known already; the day cannot end lower.
            self._paths[:, 0] = np.maximum(self._paths[:, 0], spent_today)

    def forecast(self) -> Forecast:
        """The month's end."""
        spent = total(list(self._of_period.values()))
        estimate = certain(spent) if self._method is Method.COMPLETE else None
        if self._coming is not None:
            today = self._of_period.get(self._view.today, ZERO)
            can_only_rise = min(self._spend.by_date.values()) >= 0
            estimate = self._coming.estimate(self._before, today, spent if can_only_rise else None)
        view = self._view
        return Forecast(
            view.period,
            self._centre,
            self._spend.currency,
            view.today,
            spent,
            self._method,
            self._days,
            estimate,
            self._spend.unknown_of(view.period),
        )

    def reach(self, percent: Decimal, amount: Decimal) -> Reach:
        """When an amount is reached."""
        if reached := reached_on(amount, self._of_period):
            return Reach(percent, amount, reached)
        if self._paths is None:
            return Reach(percent, amount, None)
        above = self._sums() >= float(amount)
        days = np.where(above.any(axis=1), above.argmax(axis=1), above.shape[1])
        dates = [*self._view.dates, None]
        quantiles = np.quantile(days, (_EXPECTED, _EARLIEST, _LATEST), method="inverted_cdf")
        return Reach(percent, amount, None, *(dates[int(day)] for day in quantiles))

    def outlook(self, budget: Budget) -> BudgetOutlook:
        """A budget of this cost centre; without dates where the money spent is in other currencies."""
        comparable = self._spend.currencies <= {budget.currency}
        reaches = [self.reach(percent, amount) for percent, amount in marks(budget)] if comparable else []
        return BudgetOutlook(budget.scope.value, budget.amount, budget.currency, self.forecast(), tuple(reaches))

    @property
    def _before(self) -> Decimal:
        """What was spent of the month before the date under way."""
        return total([cost for day, cost in self._of_period.items() if day < self._view.today])

    def _sums(self) -> Floats:
        """What is spent of the month at the end of each coming day."""
        assert self._paths is not None
        sums: Floats = float(self._before) + np.cumsum(self._paths, axis=1)
        return sums


def _filled(days: Sequence[Decimal | None]) -> list[float]:
    """The spend with unknown days filled in: each is assumed to be like the known days of its weekday, or like all."""
    known = [float(cost) for cost in days if cost is not None]
    alike = {
        weekday: [float(cost) for cost in days[weekday::WEEK] if cost is not None] or known for weekday in range(WEEK)
    }
    return [float(np.mean(alike[index % WEEK])) if cost is None else float(cost) for index, cost in enumerate(days)]
