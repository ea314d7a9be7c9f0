"""The routes /api/v1/forecast and /anomalies: what the month will cost, and what stands out, by cost centre."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from chargeback.api.conventions.answering import json_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.api.periods.months import month_in_path
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.budgets.monthly import monthly_budgets
from chargeback.domain.cost_centres.tree import WHOLE_TREE, is_within
from chargeback.domain.outlook.anomalies import Anomaly, Sensitivity
from chargeback.domain.outlook.forecast import BudgetOutlook, Forecast
from chargeback.domain.time.days import book_namesake, shifted, utc_day
from chargeback.domain.time.months import dates_of
from chargeback.services.forecasting import look_ahead
from chargeback.services.forecasting.spend_history import Viewpoint, read_until, viewpoint

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

MOST_CENTRES = 100
MOST_ANOMALIES = 200
_AT_ONCE = 2
"""Forecasts take processor time, which events need as well."""

_Centre = Annotated[
    str | None,
    Query(alias="costCentre", description="This one and those right below it. Default: what you may see, likewise."),
]
_Below = Annotated[bool, Query(description="Also those right below. Default: yes.")]
_Period = Annotated[str | None, Query(description="The month, YYYY-MM. Default: the one under way.")]


class ForecastAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What the month of each cost centre is expected to end with, and where its budgets go.

    Attributes:
        final: always false.
    """

    as_of: datetime
    final: bool
    forecasts: tuple[Forecast, ...]
    budgets: tuple[BudgetOutlook, ...]


class AnomalyAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Days and hours that differ from the pattern of their cost centre, the largest difference first."""

    as_of: datetime
    final: bool
    value: tuple[Anomaly, ...]


def router(container: "Container") -> APIRouter:
    """What is to come, and what stands out."""
    routes, turns = people_routes("outlook"), asyncio.Semaphore(_AT_ONCE)

    @routes.get("/forecast", operation_id="getForecast", responses=answers(ForecastAnswer), summary="Forecast a month")
    async def forecast(
        who: Asking, cost_centre: _Centre = None, period: _Period = None, below: _Below = True
    ) -> Response:
        """The month's end for cost centres, with the bounds that it lies between in eight of ten cases."""
        tops, now = _tops(who, cost_centre), datetime.now(UTC)
        calendar = (await container.catalogues.current()).calendar
        view = _view(calendar.date_of(now), period)
        terms = await container.catalogues.terms()
        async with turns:
            history = await read_until(container.books, view)
            centres = tops
            if below:
                centres = [each for top in tops for each in _near(look_ahead.centres_of(history, top), top)]
            if len(centres) > MOST_CENTRES:
                message = f"that would be {len(centres)} cost centres: name one with costCentre"
                raise ApiError(400, "TooManyRows", message, target="costCentre")
            into = history.into(calendar.currency(view.period), terms, view.period)
            found = await look_ahead.forecasts(history, view, centres, into)
            budgets = [
                each
                for each in monthly_budgets(terms.budgets, calendar.time_of(view.period), with_everything=True)
                if each.scope.value in centres
            ]
            outlooks = await look_ahead.outlooks(history, view, budgets, terms)
        return json_answer(ForecastAnswer(now, final=False, forecasts=tuple(found), budgets=tuple(outlooks)))

    @routes.get("/anomalies", operation_id="listAnomalies", responses=answers(AnomalyAnswer), summary="What stands out")
    async def anomalies(
        who: Asking,
        cost_centre: _Centre = None,
        period: _Period = None,
        minimum: Annotated[str, Query(description="Differences of less money are left out.")] = "10",
    ) -> Response:
        """Days of a month, and hours of its last days, that differ from what is usual, with what moved them."""
        tops, now = _tops(who, cost_centre), datetime.now(UTC)
        sensitivity = Sensitivity(minimum=_amount(minimum))
        calendar = (await container.catalogues.current()).calendar
        view = _view(min(calendar.date_of(now), book_namesake(utc_day(now))), period)
        first, end = dates_of(view.period)[0], dates_of(view.period)[-1]
        found: list[Anomaly] = []
        async with turns:
            for top in tops:
                found += await look_ahead.anomalies(
                    container.settled_days,
                    calendar,
                    first,
                    min(end, shifted(view.today, -1)),
                    sensitivity,
                    below=top,
                    most=MOST_ANOMALIES,
                )
        return json_answer(AnomalyAnswer(now, final=False, value=tuple(found)))

    return routes


def _tops(who: Requester, cost_centre: str | None) -> list[str]:
    """The cost centres that somebody asks about; 404 for what they may not see."""
    require(who, Permission.READ_COSTS)
    if cost_centre is not None:
        if not cost_centre or not who.scope.has_cost_centre(cost_centre):
            raise not_found()
        return [cost_centre]
    return [WHOLE_TREE] if who.scope.everything else sorted(who.scope.cost_centres)


def _near(centres: list[str], top: str) -> list[str]:
    """A cost centre and those right below it."""
    depth = 0 if top == WHOLE_TREE else top.count("/") + 1
    return [each for each in centres if each == top or (is_within(each, top) and each.count("/") == depth)]


def _view(today: str, period: str | None) -> Viewpoint:
    return viewpoint(today, period=month_in_path(period) if period else None)  # type: ignore[arg-type]


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ApiError(400, "InvalidParameter", "is not an amount of money", target="minimum")
    return amount
