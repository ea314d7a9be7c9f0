"""Asks what a month will end with, and when the budgets of a cost centre will be used up."""

from collections.abc import Sequence
from dataclasses import dataclass

from chargeback.api.budgets.predictions import BudgetPrediction, BudgetPredictions
from chargeback.api.outlook.forecasts import ForecastAnswer
from chargeback.domain.outlook.forecast import BudgetOutlook, Forecast, Method
from chargeback.services.running.together import together
from chargeback.web.api_client import ApiClient
from chargeback.web.pages.budgets_of import BudgetInForce, budgets_of_centre
from chargeback.web.pages.month_of_centre import MonthOfCentre

WITHOUT_FORECAST = {
    Method.NOT_ENOUGH_DATA: "Less than a week of whole days is known, which says nothing about the coming days",
    Method.SEVERAL_CURRENCIES: "The costs are in several currencies, which have no sum",
}
"""Why there is no number."""

_SHOWN = 3
_SECONDS_LATER = 5
_SECONDS_FRESH = 300


@dataclass(frozen=True, slots=True)
class MonthOutlook:
    """What is to come.

    Attributes:
        forecasts: those of the cost centres that are looked at.
        budgets: the first ones in force, with what they will end with; None where that is being worked out.
        past: for a month that is over, its budgets, with the day on which each was used up.
    """

    forecasts: Sequence[Forecast]
    budgets: Sequence[tuple[BudgetInForce, BudgetPrediction | None]]
    past: Sequence[BudgetOutlook]

    @property
    def refresh_seconds(self) -> int:
        """After how long to look again."""
        return _SECONDS_LATER if any(found is None for _, found in self.budgets) else _SECONDS_FRESH


async def month_outlook(api: ApiClient, about: MonthOfCentre) -> MonthOutlook:
    """What is to come, for the cost centres that are looked at. Raises `ApiRefused`."""
    asked = about.filter | {"period": about.month, "below": "false"}
    if not about.choice.is_under_way:
        found = await api.ask("/forecast", ForecastAnswer, asked)
        return MonthOutlook(found.forecasts, (), found.budgets)
    found, budgets = await together(api.ask("/forecast", ForecastAnswer, asked), _predicted(api, about))
    return MonthOutlook(found.forecasts, budgets, ())


async def _predicted(api: ApiClient, about: MonthOfCentre) -> Sequence[tuple[BudgetInForce, BudgetPrediction | None]]:
    budgets = (await budgets_of_centre(api, about))[:_SHOWN]
    if not budgets:
        return ()
    told = await api.ask("/budget/predict", BudgetPredictions, {"budget": [each.budget.id for each in budgets]})
    by_id = {each.budget: each for each in told.value}
    return [(each, by_id.get(each.budget.id)) for each in budgets]
