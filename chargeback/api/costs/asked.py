"""Reads what is asked of the costs from the parameters: the span, and the filters under all of their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from chargeback.api.costs.names import FILTERS, DimensionName
from chargeback.api.errors import ApiError
from chargeback.domain.costs.cost_query import MOST_LEVELS, CostQuery, Granularity, RowOrder, span_faults
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import InvalidQuery
from chargeback.domain.time.days import BookDate

SPAN = {
    "startDate": ("start_date", "The first date of the books."),
    "endDate": ("end_date", "The last date, included."),
}

GroupBy = Annotated[
    list[DimensionName] | None,
    Query(alias="groupBy", description="What rows are told apart by, in addition to the currency; 4 at most."),
]


Levels = Annotated[
    int,
    Query(
        ge=0,
        le=MOST_LEVELS,
        description="Cut cost centres that rows are told apart by after so many components; 0: not at all.",
    ),
]


@dataclass(frozen=True, slots=True)
class CostsAsked:
    """The span and the filters of a question."""

    first: BookDate
    last: BookDate
    filters: Mapping[Dimension, tuple[str, ...]]

    def query(
        self,
        group_by: Sequence[DimensionName] | None = None,
        granularity: Granularity = Granularity.NONE,
        order: RowOrder = RowOrder.KEY,
        levels: int = 0,
    ) -> CostQuery:
        """The question. Raises `InvalidQuery`."""
        dimensions = tuple(each.dimension for each in group_by or ())
        return CostQuery(self.first, self.last, self.filters, dimensions, granularity, order=order, levels=levels)


async def costs_asked(request: Request, **given: Any) -> CostsAsked:
    """What the parameters say; without dates, the month of the books so far."""
    first, last = (_one(given, name, other) for name, (other, _) in SPAN.items())
    if not last:
        catalogue = await request.app.state.container.catalogues.current()
        last = str(catalogue.calendar.date_of(datetime.now(UTC)))
    if not first:
        if fault := dict(span_faults(last, last)).get("last"):
            raise InvalidQuery({"last": fault})
        first = f"{last[:7]}-01"
    filters = {dimension: _all(given, each.name, *each.others) for dimension, each in FILTERS.items()}
    return CostsAsked(BookDate(first), BookDate(last), {name: values for name, values in filters.items() if values})


def _one(given: Mapping[str, str | None], *names: str) -> str:
    said = {name: text for name in names if (text := given.get(name)) is not None}
    if len(said) > 1:
        message = f"{' and '.join(said)} say the same: give one of them"
        raise ApiError(400, "RepeatedParameter", message, target=names[0])
    if "" in said.values():
        raise ApiError(400, "InvalidParameter", "it is empty: give a date, or leave it out", target=names[0])
    return next(iter(said.values()), "")


def _all(given: Mapping[str, list[str] | None], *names: str) -> tuple[str, ...]:
    """The values under all names, each once."""
    return tuple(dict.fromkeys(value for name in names for value in given.get(name) or ()))


def _described(name: str, kind: Any, **about: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, Query(**about)])


def _parameters() -> list[Parameter]:
    """The parameters as a route declares them, so that all of them are described alike."""
    date = {"json_schema_extra": {"format": "date"}}
    found = []
    for name, (other, text) in SPAN.items():
        found.append(_described(name, str | None, description=text, examples=["2026-03-01"], **date))
        found.append(_described(other, str | None, description=f"Another name of `{name}`.", **date))
    for each in FILTERS.values():
        found.append(_described(each.name, list[str] | None, description=each.description, examples=[[each.example]]))
        again = f"Another name of `{each.name}`."
        found += [_described(other, list[str] | None, description=again) for other in each.others]
    return found


_request = Parameter("request", Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
costs_asked.__signature__ = Signature([_request, *_parameters()])  # type: ignore[attr-defined]

Asked = Annotated[CostsAsked, Depends(costs_asked)]
"""The parameter of a route that is about a span and some filters."""
