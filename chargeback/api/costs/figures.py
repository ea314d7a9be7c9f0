"""GET /api/v1/costs/…: what is charged for a span of dates, as a sum, over time, or told apart by dimensions."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.pages import Paged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.costs.answer import answer_costs
from chargeback.api.costs.asked import Asked, GroupBy, Levels
from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.rows import CostPage
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission
from chargeback.domain.costs.cost_query import Granularity, RowOrder


class TimeStep(StrEnum):
    """Which time a row stands for."""

    DAY = "day"
    MONTH = "month"


class SortOrder(StrEnum):
    """Which rows come first: those that cost most, or those whose names come first."""

    COST = "cost"
    NAME = "name"


ROW_ORDERS = {SortOrder.COST: RowOrder.COST, SortOrder.NAME: RowOrder.KEY}
COSTS = answers(CostPage, rows=True)


def router(container: Container) -> APIRouter:
    """The figures."""
    routes = people_routes("costs")

    @routes.get("/costs/summary", operation_id="getCostSummary", responses=COSTS, summary="Sum of the costs")
    async def summary(request: Request, who: Asking, asked: Asked, page: Paged) -> Response:
        """What everything of the span costs together: a row for each currency."""
        require(who, Permission.READ_COSTS)
        return await answer_costs(container, request, asked.query(), who.scope, page)

    @routes.get("/costs/series", operation_id="getCostSeries", responses=COSTS, summary="Costs over time")
    async def series(
        request: Request,
        who: Asking,
        asked: Asked,
        page: Paged,
        granularity: Annotated[TimeStep, Query(description="Which time a row stands for.")] = TimeStep.DAY,
        group_by: GroupBy = None,
    ) -> Response:
        """What each date or month of the span costs, also told apart by dimensions."""
        require(who, Permission.READ_COSTS)
        query = asked.query(group_by, Granularity(granularity))
        return await answer_costs(container, request, query, who.scope, page)

    @routes.get("/costs/breakdown", operation_id="getCostBreakdown", responses=COSTS, summary="Costs by dimension")
    async def breakdown(
        request: Request,
        who: Asking,
        asked: Asked,
        page: Paged,
        group_by: GroupBy = None,
        order_by: Annotated[SortOrder, Query(alias="orderBy", description="Which rows come first.")] = SortOrder.COST,
        levels: Levels = 0,
    ) -> Response:
        """What each value of some dimensions costs; by cost centre unless others are named."""
        require(who, Permission.READ_COSTS)
        query = asked.query(group_by or [DimensionName.COST_CENTRE], order=ROW_ORDERS[order_by], levels=levels)
        return await answer_costs(container, request, query, who.scope, page)

    return routes
