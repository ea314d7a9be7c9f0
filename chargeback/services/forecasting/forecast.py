"""Forecasts what a cost centre will have spent at the end of a month, and when its budgets are used up."""

from datetime import date
from decimal import Decimal

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
from chargeback.services.forecasting.coming_spend import ComingSpend, coming_spend
from chargeback.services.forecasting.spend_history import History, Into, Viewpoint


class Course:
    """How the spend of a cost centre with everything below it goes on until the end of the month."""

    def __init__(self, history: History, centre: str, view: Viewpoint, into: Into) -> None:
        self._centre = centre
        self._view = view
        self._spend = history.below(centre, into)
        self._of_period = self._spend.of(view.period)
        self._method = Method.COMPLETE
        self._days = 0
        self._coming: ComingSpend | None = None
        if self._spend.is_mixed:
            self._method = Method.SEVERAL_CURRENCIES
        elif view.dates:
            whole = self._spend.whole_days(view.today)
            self._days = sum(cost is not None for cost in whole)
            self._method, self._coming = coming_spend(whole, date.fromisoformat(view.today), len(view.dates))

    def forecast(self) -> Forecast:
        """The month's end."""
        spent = total(list(self._of_period.values()))
        estimate = certain(spent) if self._method is Method.COMPLETE else None
        if self._coming is not None:
            can_only_rise = min(self._spend.by_date.values()) >= 0
            estimate = self._coming.estimate(*self._before_and_today, spent if can_only_rise else None)
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
        if self._coming is None:
            return Reach(percent, amount, None)
        days = self._coming.reach(*self._before_and_today, amount)
        return Reach(percent, amount, None, *(None if day is None else self._view.dates[day] for day in days))

    def outlook(self, budget: Budget) -> BudgetOutlook:
        """A budget of this cost centre; without dates where the money spent is in other currencies."""
        comparable = self._spend.currencies <= {budget.currency}
        reaches = [self.reach(percent, amount) for percent, amount in marks(budget)] if comparable else []
        return BudgetOutlook(budget.scope.value, budget.amount, budget.currency, self.forecast(), tuple(reaches))

    @property
    def _before_and_today(self) -> tuple[Decimal, Decimal]:
        """What was spent of the month before the date under way, and on it."""
        today = self._view.today
        before = total([cost for day, cost in self._of_period.items() if day < today])
        return before, self._of_period.get(today, ZERO)
