"""Asks what a month will end with, and when the budgets of a cost centre will be used up."""

from chargeback.api.outlook.forecasts import ForecastAnswer
from chargeback.domain.outlook.forecast import Method
from chargeback.web.api_client import ApiClient
from chargeback.web.pages.month_of_centre import MonthOfCentre

WITHOUT_FORECAST = {
    Method.NOT_ENOUGH_DATA: "Less than a week of whole days is known, which says nothing about the coming days",
    Method.SEVERAL_CURRENCIES: "The costs are in several currencies, which have no sum",
}
"""Why there is no number."""


async def month_outlook(api: ApiClient, about: MonthOfCentre) -> ForecastAnswer:
    """What is to come, for the cost centres that are looked at. Raises `ApiRefused`."""
    asked = about.filter | {"period": about.month, "below": "false"}
    return await api.ask("/forecast", ForecastAnswer, asked)
