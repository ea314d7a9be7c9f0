"""Ready-made questions, most of them under the names that other products have for them."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from chargeback.api.conventions.formats import MediaType
from chargeback.api.conventions.pages import Paged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.costs.answer import answer_costs
from chargeback.api.costs.asked import Asked, CostsAsked, GroupBy
from chargeback.api.costs.figures import COSTS
from chargeback.api.costs.names import DimensionName
from chargeback.api.errors import ApiError
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission
from chargeback.domain.costs.cost_query import MOST_DAYS, Granularity, RowOrder
from chargeback.domain.time.days import BookDate

REPORT = (DimensionName.COST_CENTRE, DimensionName.APPLICATION, DimensionName.MODEL)


class ExportFormat(StrEnum):
    """The format of an export."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


MEDIA_TYPES = {
    ExportFormat.CSV: MediaType.CSV,
    ExportFormat.JSON: MediaType.JSON,
    ExportFormat.PARQUET: MediaType.PARQUET,
}


def router(container: Container) -> APIRouter:
    """The ready-made questions."""
    routes = people_routes("reports")

    @routes.get("/usage/summary", operation_id="getUsageSummary", responses=COSTS, summary="What was used")
    async def usage_summary(
        request: Request, who: Asking, asked: Asked, page: Paged, group_by: GroupBy = None
    ) -> Response:
        """What was used, by meter unless other dimensions are named, and what it costs."""
        require(who, Permission.READ_COSTS)
        query = asked.query(group_by or [DimensionName.METER])
        return await answer_costs(container, request, query, who.scope, page)

    @routes.get("/chargeback/report", operation_id="getChargebackReport", responses=COSTS, summary="Chargeback report")
    async def report(request: Request, who: Asking, asked: Asked, page: Paged, group_by: GroupBy = None) -> Response:
        """What each cost centre is charged for each month: by application and model, unless others are named."""
        require(who, Permission.READ_COSTS)
        query = asked.query(group_by or REPORT, Granularity.MONTH)
        return await answer_costs(container, request, query, who.scope, page)

    @routes.get("/analytics/export", operation_id="exportAnalytics", responses=COSTS, summary="Export")
    async def export(
        request: Request,
        who: Asking,
        asked: Asked,
        page: Paged,
        format_: Annotated[
            ExportFormat | None, Query(alias="format", description="The format, whatever the header Accept says.")
        ] = None,
        group_by: GroupBy = None,
    ) -> Response:
        """What each date costs, by cost centre, application and model, unless others are named."""
        require(who, Permission.READ_COSTS)
        query = asked.query(group_by or REPORT, Granularity.DAY)
        media_type = MEDIA_TYPES[format_] if format_ else None
        return await answer_costs(container, request, query, who.scope, page, media_type)

    @routes.get("/cost/trends", operation_id="getCostTrends", responses=COSTS, summary="Costs of the last days")
    async def trends(
        request: Request,
        who: Asking,
        asked: Asked,
        page: Paged,
        days: Annotated[int, Query(ge=1, le=MOST_DAYS, description="How many days, `endDate` the last of them.")] = 30,
    ) -> Response:
        """What each of the last days costs."""
        require(who, Permission.READ_COSTS)
        if not {"startDate", "start_date"}.isdisjoint(request.query_params):
            message = "give days here, or both dates to /costs/series"
            raise ApiError(400, "InvalidParameter", message, target="startDate")
        last = date.fromisoformat(asked.query().last)
        first = BookDate((last - timedelta(days=days - 1)).isoformat())
        query = CostsAsked(first, asked.last, asked.filters).query(granularity=Granularity.DAY)
        return await answer_costs(container, request, query, who.scope, page)

    @routes.get(
        "/sessions/users/top-spenders", operation_id="listTopSpenders", responses=COSTS, summary="Users by cost"
    )
    async def top_spenders(request: Request, who: Asking, asked: Asked, page: Paged) -> Response:
        """What each user costs, the most first."""
        require(who, Permission.READ_COSTS)
        query = asked.query([DimensionName.USER], order=RowOrder.COST)
        return await answer_costs(container, request, query, who.scope, page)

    return routes
