"""GET /api/v1/usage/…: usage whose cost is not known yet or rests on a guess, and what was used by meter."""

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.formats import AnswerTable, Cell
from chargeback.api.conventions.pages import PageAsked, Paged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.conventions.texts import Amount, MomentText, MonthText
from chargeback.api.costs.answer import Answered, answer_span
from chargeback.api.costs.asked import Asked, CostsAsked
from chargeback.api.costs.rows import AMOUNT, COUNT, STANDING, TEXT, SpanPage, standing_cells
from chargeback.api.errors import ApiError
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.costs.cost_answer import OpenUsageRow
from chargeback.domain.costs.cost_query import Paging
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.usage.states import LineState

COLUMNS = {
    **dict.fromkeys(["month", "usageState", "costCentre", "application", "model", "operation", "region"], TEXT),
    "deploymentType": TEXT,
    "meter": TEXT,
    "quantity": AMOUNT,
    "unit": TEXT,
    "requests": COUNT,
    "currency": TEXT,
    "cost": AMOUNT,
    "rows": COUNT,
    **STANDING,
}


class OpenUsageLine(msgspec.Struct, rename="camel", frozen=True):
    """Usage whose cost is not known, or rests on a guess.

    Attributes:
        cost: null where it is not known.
        rows: how many published rows these are.
    """

    month: MonthText
    usage_state: LineState
    cost_centre: str
    application: str
    model: str
    operation: str
    region: str
    deployment_type: str
    meter: str
    quantity: Amount
    unit: str
    requests: int
    currency: str
    cost: Amount | None
    rows: int
    state: PeriodState
    final: bool
    as_of: MomentText | None


class OpenUsagePage(SpanPage, rename="camel", frozen=True, kw_only=True):
    """Open usage of a span of dates."""

    value: list[OpenUsageLine]


OPEN_USAGE = answers(OpenUsagePage, rows=True)


def router(container: Container) -> APIRouter:
    """The usage that is not exact."""
    routes = people_routes("usage")

    async def answer(
        request: Request, who: Requester, asked: CostsAsked, page: PageAsked, state: LineState
    ) -> Response:
        require(who, Permission.READ_COSTS)
        if Dimension.STATE in asked.filters:
            raise ApiError(400, "InvalidParameter", "the path says the state already", target="usageState")
        query = asked.query()

        async def read(paging: Paging) -> Answered:
            found = await container.costs.open_usage(query, who.scope, paging, (state,))
            table = AnswerTable(COLUMNS, [_cells(row) for row in found.rows])
            return Answered(table, found.total, found.standing, found.missing)

        return await answer_span(container, request, query, page, read)

    @routes.get(
        "/usage/unpriced", operation_id="listUnpricedUsage", responses=OPEN_USAGE, summary="Usage without a price"
    )
    async def unpriced(request: Request, who: Asking, asked: Asked, page: Paged) -> Response:
        """What was used and no price covers: it costs more than is said, and nobody knows how much."""
        return await answer(request, who, asked, page, LineState.UNPRICED)

    @routes.get(
        "/usage/unsettled", operation_id="listUnsettledUsage", responses=OPEN_USAGE, summary="Usage without tokens"
    )
    async def unsettled(request: Request, who: Asking, asked: Asked, page: Paged) -> Response:
        """Calls whose tokens are not known yet, such as streams."""
        return await answer(request, who, asked, page, LineState.UNSETTLED)

    @routes.get("/usage/estimated", operation_id="listEstimatedUsage", responses=OPEN_USAGE, summary="Estimated usage")
    async def estimated(request: Request, who: Asking, asked: Asked, page: Paged) -> Response:
        """What rests on a guess."""
        return await answer(request, who, asked, page, LineState.ESTIMATED)

    return routes


def _cells(row: OpenUsageRow) -> tuple[Cell, ...]:
    return (
        *(row.month, row.state.value, row.cost_centre, row.application, row.model, row.operation, row.region),
        *(row.deployment_type, row.meter, row.quantity, row.unit, row.requests, row.currency, row.cost, row.rows),
        *standing_cells(row.standing),
    )
