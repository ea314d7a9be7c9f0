"""GET /api/v1/analytics/…: an overview for people, and how much each model costs for what it does.

The books have neither durations nor answers' times: those are in the workbook, and in Azure Monitor.
"""

from collections.abc import Awaitable, Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import partial

from fastapi import APIRouter, Request, Response

from chargeback.api.conventions.answering import already_known, tagged_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.formats import AnswerTable, Cell, MediaType, as_objects, media_type_of
from chargeback.api.conventions.pages import Paged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.costs.answer import Answered, answer_span, read_together, version_of
from chargeback.api.costs.asked import Asked
from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.overviews import CostTablesAnswer, OverviewAnswer, PerformancePage, UsageTablesAnswer
from chargeback.api.costs.rows import (
    AMOUNT,
    COUNT,
    STANDING,
    TEXT,
    cost_table,
    span_texts,
    standing_cells,
)
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester, RowScope
from chargeback.domain.costs.cost_answer import CostRow
from chargeback.domain.costs.cost_query import CostQuery, Granularity, Paging, RowOrder
from chargeback.domain.costs.dimension import Dimension

MOST_DATES = Paging(size=5_000)
MOST_COSTLY = Paging(size=100)
_QUOTIENT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_PLACES = Decimal("1e-12")


PERFORMANCE = answers(PerformancePage, rows=True)
PERFORMANCE_COLUMNS = {
    "model": TEXT,
    "currency": TEXT,
    "cost": AMOUNT,
    "requests": COUNT,
    "inputTokens": COUNT,
    "outputTokens": COUNT,
    "costPerRequest": AMOUNT,
    "costPerMillionTokens": AMOUNT,
    "outputTokensPerRequest": AMOUNT,
    **STANDING,
}


def router(container: Container) -> APIRouter:
    """The overviews."""
    routes = people_routes("analytics")

    @routes.get(
        "/analytics/overview", operation_id="getOverview", responses=answers(OverviewAnswer), summary="Overview"
    )
    async def overview(request: Request, who: Asking, asked: Asked) -> Response:
        """Requests, tokens, cost, and how many users, applications and models there were."""
        query = asked.query()

        async def read(scope: RowScope) -> dict[str, object]:
            (found,) = await read_together(container, scope, (query, MOST_DATES))
            counted = {
                name: await _count(container, query, dimension, scope)
                for name, dimension in (
                    ("activeUsers", Dimension.USER),
                    ("activeApplications", Dimension.APPLICATION),
                    ("activeModels", Dimension.MODEL),
                )
            }
            return {
                **span_texts(query.first, query.last, found.standing, found.missing),
                "totalRequests": sum(row.requests for row in found.rows),
                "totalTokens": sum(row.input_tokens + row.output_tokens for row in found.rows),
                "totalCost": as_objects(cost_table(query, found.rows)),
                **counted,
            }

        return await _answer(container, request, who, query, read)

    @routes.get(
        "/analytics/usage", operation_id="getUsageTables", responses=answers(UsageTablesAnswer), summary="Usage"
    )
    async def usage(request: Request, who: Asking, asked: Asked) -> Response:
        """Usage by date, by cost centre and by application."""
        tables = {
            "daily": (asked.query(granularity=Granularity.DAY), MOST_DATES),
            "byCostCentre": (asked.query([DimensionName.COST_CENTRE], order=RowOrder.COST), MOST_COSTLY),
            "byApplication": (asked.query([DimensionName.APPLICATION], order=RowOrder.COST), MOST_COSTLY),
        }
        return await _answer(container, request, who, asked.query(), partial(_tables, container, tables))

    @routes.get("/analytics/costs", operation_id="getCostTables", responses=answers(CostTablesAnswer), summary="Costs")
    async def costs(request: Request, who: Asking, asked: Asked) -> Response:
        """Costs by month and by model."""
        tables = {
            "monthly": (asked.query(granularity=Granularity.MONTH), MOST_DATES),
            "byModel": (asked.query([DimensionName.MODEL], order=RowOrder.COST), MOST_COSTLY),
        }
        return await _answer(container, request, who, asked.query(), partial(_tables, container, tables))

    async def performance(request: Request, who: Asking, asked: Asked, page: Paged) -> Response:
        """What each model costs for a request and for a million tokens. The books have no durations."""
        require(who, Permission.READ_COSTS)
        query = asked.query([DimensionName.MODEL], order=RowOrder.COST)

        async def read(paging: Paging) -> Answered:
            found = await container.costs.answer(query, who.scope, paging)
            table = AnswerTable(PERFORMANCE_COLUMNS, [_performance(row) for row in found.rows])
            return Answered(table, found.total, found.standing, found.missing)

        return await answer_span(container, request, query, page, read)

    for path, name, summary in (
        ("/analytics/performance", "getPerformance", "What models cost for what they do"),
        ("/cost/models/efficiency", "getModelEfficiency", "The same, by another name"),
    ):
        routes.get(path, operation_id=name, responses=PERFORMANCE, summary=summary)(performance)
    return routes


async def _answer(
    container: Container,
    request: Request,
    who: Requester,
    query: CostQuery,
    read: Callable[[RowScope], Awaitable[dict[str, object]]],
) -> Response:
    """What `read` finds, unless whoever asks has it already."""
    require(who, Permission.READ_COSTS)
    media_type_of(request, (MediaType.JSON,))
    version = version_of(query, *await container.costs.standing(query.first, query.last))
    return already_known(request, version, MediaType.JSON) or tagged_answer(request, await read(who.scope), version)


async def _tables(
    container: Container, tables: Mapping[str, tuple[CostQuery, Paging]], scope: RowScope
) -> dict[str, object]:
    found = await read_together(container, scope, *tables.values())
    (query, _), one = next(iter(tables.values())), found[0]
    rows = {
        name: as_objects(cost_table(asked, each.rows))
        for (name, (asked, _)), each in zip(tables.items(), found, strict=True)
    }
    return span_texts(query.first, query.last, one.standing, one.missing) | rows


async def _count(container: Container, query: CostQuery, dimension: Dimension, scope: RowScope) -> int:
    """How many values there are."""
    return (await container.costs.values(query, dimension, scope, Paging(size=1))).total


def _performance(row: CostRow) -> tuple[Cell, ...]:
    tokens = Decimal(row.input_tokens + row.output_tokens)
    return (
        *(row.dimensions[Dimension.MODEL], row.currency, row.cost, row.requests, row.input_tokens, row.output_tokens),
        _quotient(row.cost, Decimal(row.requests)),
        _quotient(row.cost, tokens.scaleb(-6)),
        _quotient(Decimal(row.output_tokens), Decimal(row.requests)),
        *standing_cells(row.standing),
    )


def _quotient(amount: Decimal | None, by: Decimal) -> Decimal | None:
    return _QUOTIENT.divide(amount, by).quantize(_PLACES, context=_QUOTIENT) if amount is not None and by else None
