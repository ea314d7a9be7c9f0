"""GET /api/v1/applications and /costs/dimensions/{dimension}: what there is to ask for."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.formats import AnswerTable
from chargeback.api.conventions.pages import Paged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.costs.answer import Answered, answer_costs, answer_span
from chargeback.api.costs.asked import Asked
from chargeback.api.costs.figures import COSTS
from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.rows import TEXT, SpanPage
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission
from chargeback.domain.costs.cost_query import Paging


class DimensionValue(msgspec.Struct, frozen=True):
    """A value that rows have."""

    name: str


class ValuesPage(SpanPage, rename="camel", frozen=True, kw_only=True):
    """The values that a dimension has in a span of dates, ascending."""

    value: list[DimensionValue]


def router(container: Container) -> APIRouter:
    """What there is."""
    routes = people_routes("costs")

    @routes.get("/applications", operation_id="listApplications", responses=COSTS, summary="Applications")
    async def applications(request: Request, who: Asking, asked: Asked, page: Paged) -> Response:
        """Each application that used something in the span, with what it costs."""
        require(who, Permission.READ_COSTS)
        return await answer_costs(container, request, asked.query([DimensionName.APPLICATION]), who.scope, page)

    @routes.get(
        "/costs/dimensions/{dimension}",
        operation_id="listDimensionValues",
        responses=answers(ValuesPage, rows=True),
        summary="Values of a dimension",
    )
    async def values(
        request: Request,
        who: Asking,
        asked: Asked,
        page: Paged,
        dimension: Annotated[DimensionName, Path(description="Whose values.")],
        begins: Annotated[str, Query(alias="startsWith", description="What the values begin with.")] = "",
    ) -> Response:
        """The values that rows of the span have, such as every model or every user."""
        require(who, Permission.READ_COSTS)
        query = asked.query()

        async def read(paging: Paging) -> Answered:
            found = await container.costs.values(query, dimension.dimension, who.scope, paging, begins)
            table = AnswerTable({"name": TEXT}, [(each,) for each in found.values])
            return Answered(table, found.total, found.standing, found.missing)

        return await answer_span(container, request, query, page, read)

    return routes
