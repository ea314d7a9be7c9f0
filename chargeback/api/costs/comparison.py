"""GET /api/v1/costs/comparison: two spans beside each other, and what made the difference."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from msgspec import UNSET, UnsetType

from chargeback.api.conventions.answering import already_known, rows_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.formats import AnswerTable, Cell, CellType, media_type_of
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.conventions.texts import Amount, MomentText
from chargeback.api.costs.answer import version_of
from chargeback.api.costs.asked import Asked, CostsAsked, Levels
from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.rows import STANDING, SpanAnswer, span_texts, standing_cells
from chargeback.api.errors import ApiError
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission
from chargeback.domain.costs.cost_answer import CostComparison, CurrencyChange
from chargeback.domain.costs.cost_query import span_faults
from chargeback.domain.errors import InvalidQuery
from chargeback.domain.money.exact import EXACT, to_text
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.movers import MOVER_PARTS
from chargeback.domain.time.days import BookDate

MOST_MOVERS = 100
_PLACES_OF_KIND = {"shared": ("sharedCost",), "correction": ("correctsPeriod",)}

MoversBy = Annotated[
    list[DimensionName] | None,
    Query(alias="groupBy", description="By what movers are told apart: one or two; neither kind, currency nor state."),
]


class CurrencyChangeAnswer(msgspec.Struct, rename="camel", frozen=True):
    """How costs in a currency changed. `change` is null where one of the sums is not known."""

    currency: str
    before: Amount | None
    after: Amount | None
    change: Amount | None
    total: int


class MoverAnswer(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Something whose cost changed; the parts from `volume` to `correction` sum to the change.

    Attributes:
        state: that of the least settled month of both spans.
        final: whether the row will never change.
        as_of: the books as they were then are in it.
    """

    currency: str
    kind: str
    cost_centre: str | UnsetType = UNSET
    application: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    operation: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    deployment_type: str | UnsetType = UNSET
    meter: str | UnsetType = UNSET
    shared_cost: str
    corrects_period: str
    before: Amount
    after: Amount
    change: Amount
    volume: Amount
    price: Amount
    exchange: Amount
    mix: Amount
    new: Amount
    shared: Amount
    correction: Amount
    state: PeriodState
    final: bool
    as_of: MomentText | None


class ComparisonAnswer(msgspec.Struct, rename="camel", frozen=True):
    """Two spans beside each other; `value`: what changed most, the largest change of each currency first."""

    before: SpanAnswer
    after: SpanAnswer
    currencies: list[CurrencyChangeAnswer]
    value: list[MoverAnswer]


def _earlier_date(name: str, which: str) -> Any:
    text = f"The {which} date of the earlier span."
    return Query(alias=name, description=text, json_schema_extra={"format": "date"})


def router(container: Container) -> APIRouter:
    """The comparison."""
    routes = people_routes("costs")

    @routes.get(
        "/costs/comparison",
        operation_id="compareCosts",
        responses=answers(ComparisonAnswer, rows=True),
        summary="Compare two spans",
    )
    async def comparison(
        request: Request,
        who: Asking,
        asked: Asked,
        compare_first: Annotated[str | None, _earlier_date("compareStartDate", "first")] = None,
        compare_last: Annotated[str | None, _earlier_date("compareEndDate", "last")] = None,
        group_by: MoversBy = None,
        top: Annotated[int, Query(ge=1, le=MOST_MOVERS, description="How many movers for each currency.")] = 20,
        levels: Levels = 0,
    ) -> Response:
        """By how much a span costs more than an earlier one, and what moved it: volume, price, mix, corrections, …

        Without `compareStartDate` and `compareEndDate`, with the span of the same length before it.
        """
        require(who, Permission.READ_COSTS)
        after = asked.query(levels=levels)
        before = _earlier(asked, compare_first, compare_last).query(levels=levels)
        by = list(dict.fromkeys(group_by or [DimensionName.MODEL]))
        media_type = media_type_of(request)
        now = [version_of(each, *await container.costs.standing(each.first, each.last)) for each in (before, after)]
        if known := already_known(request, " | ".join(now), media_type):
            return known
        found = await container.costs.compare(before, after, tuple(each.dimension for each in by), who.scope, most=top)
        missing = [[month for month in found.missing if month in each.months] for each in (before, after)]
        around = {
            "before": span_texts(before.first, before.last, found.before, missing[0]),
            "after": span_texts(after.first, after.last, found.after, missing[1]),
            "currencies": [_change(each) for each in found.changes],
        }
        read = [version_of(before, found.before, missing[0]), version_of(after, found.after, missing[1])]
        return await rows_answer(request, _table(found, by), " | ".join(read), media_type, beside=around)

    return routes


def _earlier(asked: CostsAsked, first: str | None, last: str | None) -> CostsAsked:
    """The span to compare with. Raises what a question about the span itself would raise for unusable dates."""
    if (first is None) != (last is None):
        message = "give both dates of the earlier span or none"
        raise ApiError(400, "InvalidParameter", message, target="compareStartDate")
    if first is None or last is None:
        span = asked.query()
        start = date.fromisoformat(span.first)
        days = date.fromisoformat(span.last) - start + timedelta(days=1)
        first, last = (start - days).isoformat(), (start - timedelta(days=1)).isoformat()
        if list(span_faults(first, last)):
            message = "there are no dates before it to compare with: give them as compareStartDate and compareEndDate"
            raise ApiError(400, "InvalidParameter", message, target="startDate")
    elif faults := dict(span_faults(first, last)):
        raise InvalidQuery({f"compare_{part}": fault for part, fault in faults.items()})
    return CostsAsked(BookDate(first), BookDate(last), asked.filters)


def _change(each: CurrencyChange) -> dict[str, object]:
    known = each.before is not None and each.after is not None
    change = EXACT.subtract(each.after, each.before) if known else None  # type: ignore[arg-type]
    before, after, by = (None if amount is None else to_text(amount) for amount in (each.before, each.after, change))
    return {"currency": each.currency, "before": before, "after": after, "change": by, "total": each.total}


def _table(found: CostComparison, by: Sequence[DimensionName]) -> AnswerTable:
    text, amount = CellType.TEXT, CellType.AMOUNT
    named = [str(each) for each in by]
    columns = {
        **dict.fromkeys(["currency", "kind", *named, "sharedCost", "correctsPeriod"], text),
        **dict.fromkeys(["before", "after", "change", *MOVER_PARTS], amount),
        **STANDING,
    }
    standing = standing_cells(found.standing)
    return AnswerTable(columns, [(*row, *standing) for each in found.changes for row in _movers(each, named)])


def _movers(change: CurrencyChange, named: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    for each in change.movers:
        said = dict(zip(_PLACES_OF_KIND.get(each.kind, named), each.key, strict=True))
        keys = [said.get(name, "") for name in (*named, "sharedCost", "correctsPeriod")]
        parts = [each.parts.get(part, EXACT.create_decimal(0)) for part in MOVER_PARTS]
        yield change.currency, each.kind, *keys, each.before, each.after, each.change, *parts
