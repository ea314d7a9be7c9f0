"""Answers questions about costs from the views of the months: every figure is a sum of the published rows."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.application_uses import ApplicationUse, ApplicationUses
from chargeback.domain.costs.cost_answer import (
    CostAnswer,
    CostComparison,
    CostRow,
    CostStanding,
    DimensionValues,
    OpenUsageAnswer,
    OpenUsageRow,
    ViewedMonth,
)
from chargeback.domain.costs.cost_query import FIRST_PAGE, CostQuery, Granularity, Paging, RowOrder
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, month_of
from chargeback.domain.usage.states import LineState
from chargeback.services.costs.ask_views import DEFAULT_LIMITS, Asking, CostLimits
from chargeback.services.costs.compare_spans import compare_spans
from chargeback.services.costs.grains import type_of_sum
from chargeback.services.costs.known_views import KnownViews, ViewsOfSpan
from chargeback.services.costs.plan_query import ReadingPlan, columns_of, expression_of, plan_reads
from chargeback.services.costs.recent_answers import Rows
from chargeback.services.costs.view_files import UnusableView, ViewFiles
from chargeback.services.costs.view_pointers import ViewFile, ViewPointers
from chargeback.services.ports.control import Control
from chargeback.services.ports.settled import SettledFiles

OPEN_STATES = (LineState.UNPRICED, LineState.UNSETTLED, LineState.ESTIMATED)

_OPEN_KEYS = (
    "month", "state", "cost_centre", "application", "model", "operation", "region", "deployment_type", "meter", "unit",
    "currency",
)  # fmt: skip
_SUMMED = (
    "cost", "exact_cost", "list_cost", "contracted_cost", "requests", "input_tokens", "output_tokens", "rows",
    "unpriced", "unsettled", "estimated",
)  # fmt: skip

_USE: Mapping[str, Any] = {"application": "", "last_date": None, "models": (), "cost_centres": ()}
"""The parts of an `ApplicationUse`, each with what stands for nothing."""

T = TypeVar("T")


class CostReader:
    """Answers questions; whose rows may be seen is a part of each."""

    def __init__(self, views: KnownViews, asking: Asking) -> None:
        self._views = views
        self._asking = asking

    async def standing(self, first: BookDate, last: BookDate) -> tuple[CostStanding, Sequence[Month]]:
        """How far the figures of a span are settled, and which months are missing, without reading a figure."""
        views = await self._views.of(CostQuery(first, last).months)
        return views.standing, views.missing

    async def months(self) -> list[ViewedMonth]:
        """Every month that can be asked for, ascending."""
        return await self._views.months()

    async def answer(self, query: CostQuery, scope: RowScope, paging: Paging = FIRST_PAGE) -> CostAnswer:
        """The rows of a page, in the order that the question names."""

        async def work(views: ViewsOfSpan) -> CostAnswer:
            found, total = await self._rows(query, scope, views, paging)
            of = cache(lambda month: views.of(month) if month else views.standing)
            rows = [_row(query, each, of) for each in found]
            return CostAnswer(rows, total, views.standing, views.missing)

        return await self._with_views(query.months, work)

    async def values(
        self, query: CostQuery, dimension: Dimension, scope: RowScope, paging: Paging = FIRST_PAGE, begins: str = ""
    ) -> DimensionValues:
        """The values of a dimension that begin with a string; a user has the one that rows are grouped by."""
        value = expression_of(dimension)

        async def work(views: ViewsOfSpan) -> DimensionValues:
            plan = plan_reads(query, scope, _months(views), columns_of([dimension]))
            plan.values["begins"] = begins
            found, total = await self._asking.page("values", plan, views, columns_of([dimension]), paging, value=value)
            return DimensionValues([row["value"] for row in found], total, views.standing, views.missing)

        return await self._with_views(query.months, work)

    async def applications(self, query: CostQuery, scope: RowScope, paging: Paging = FIRST_PAGE) -> ApplicationUses:
        """What each application did, by name, whatever the question groups by."""
        columns = ("application", "date", "model", "cost_centre", "kind")

        async def work(views: ViewsOfSpan) -> ApplicationUses:
            plan = plan_reads(query, scope, _months(views), columns)
            found, total = await self._asking.page("applications", plan, views, columns, paging)
            uses = [ApplicationUse(**{name: row[name] or none for name, none in _USE.items()}) for row in found]
            return ApplicationUses(uses, total, views.standing, views.missing)

        return await self._with_views(query.months, work)

    async def open_usage(
        self,
        query: CostQuery,
        scope: RowScope,
        paging: Paging = FIRST_PAGE,
        states: Sequence[LineState] = OPEN_STATES,
    ) -> OpenUsageAnswer:
        """The usage in some states, as far as the question itself does not name others."""
        open_states = tuple(state.value for state in states)
        wanted = tuple(state for state in open_states if state in query.filters.get(Dimension.STATE, open_states))
        filters = {**query.filters, Dimension.STATE: wanted or open_states}
        asked = CostQuery(query.first, query.last, filters, granularity=Granularity.MONTH)
        keys = ", ".join(_OPEN_KEYS)

        async def work(views: ViewsOfSpan) -> OpenUsageAnswer:
            plan = plan_reads(asked, scope, _months(views), _OPEN_KEYS[1:]) if wanted else ReadingPlan()
            columns = (*_OPEN_KEYS, "quantity", "requests", "cost", "rows")
            found, total = await self._asking.page("open usage", plan, views, columns, paging, keys=keys)
            return OpenUsageAnswer([_open(row, views) for row in found], total, views.standing, views.missing)

        return await self._with_views(asked.months, work)

    async def compare(
        self, before: CostQuery, after: CostQuery, by: Sequence[Dimension], scope: RowScope, most: int = 20
    ) -> CostComparison:
        """Two spans beside each other: what changed most by some dimensions, and why, whatever they group by."""

        async def work(views: ViewsOfSpan) -> CostComparison:
            return await compare_spans(self._asking, views, (before, after), by, scope, most)

        return await self._with_views(sorted({*before.months, *after.months}), work)

    def close(self) -> None:
        """Let go of the files and the database."""
        self._asking.close()

    async def _with_views(self, months: Sequence[Month], work: Callable[[ViewsOfSpan], Awaitable[T]]) -> T:
        """Months whose files are not what was written are looked up again, and left out if that does not help."""
        unusable: set[Month] = set()
        is_fresh = False
        async with self._asking.turn():
            while True:
                views = (await self._views.of(months)).without(unusable)
                try:
                    return await work(views)
                except UnusableView as error:
                    if is_fresh:
                        unusable |= {each.month for each in views.made if error.path in _paths(each.files)}
                    self._views.forget()
                    is_fresh = True

    async def _rows(self, query: CostQuery, scope: RowScope, views: ViewsOfSpan, paging: Paging) -> tuple[Rows, int]:
        time = {Granularity.NONE: (), Granularity.MONTH: ("month",), Granularity.DAY: ("date",)}[query.granularity]
        is_metered = Dimension.METER in (*query.group_by, *query.filters)
        dimensions = columns_of(query.group_by)
        needed = (*dimensions, "currency", *(("unit", "meter") if is_metered else ()))
        plan = plan_reads(query, scope, _months(views), needed)
        keys = [
            *time,
            *(f"{expression_of(each, query.levels)} AS d{place}" for place, each in enumerate(query.group_by)),
            "currency",
        ]
        named = [*time, *(f"d{place}" for place in range(len(query.group_by))), "currency"]
        columns = dict.fromkeys((*time, *needed, *_SUMMED, *(("quantity",) if is_metered else ())))
        return await self._asking.page(
            "answer",
            plan,
            views,
            tuple(columns),
            paging,
            keys=", ".join(_key(key) for key in keys),
            sums=", ".join(f"sum({name})::{_wide(name)} AS {name}" for name in _SUMMED),
            unit="if(min(unit) = max(unit), min(unit), '')" if is_metered else "''",
            measured=f"if(min(unit) = max(unit), sum(quantity), NULL)::{_wide('quantity')}" if is_metered else "NULL",
            order=", ".join([*(("cost DESC NULLS LAST",) if query.order is RowOrder.COST else ()), *named]),
        )


def open_reader(control: Control, files: SettledFiles, limits: CostLimits = DEFAULT_LIMITS) -> CostReader:
    """A reader with files and a database of its own, until it is closed."""
    return CostReader(KnownViews(ViewPointers(control)), Asking(ViewFiles(files), limits))


def _key(key: str) -> str:
    return "CAST(date AS VARCHAR) AS date" if key == "date" else key


def _wide(name: str) -> str:
    return type_of_sum(name).replace("BIGINT", "HUGEINT")


def _months(views: ViewsOfSpan) -> list[Month]:
    return [each.month for each in views.made]


def _paths(files: Mapping[str, ViewFile]) -> set[str]:
    return {each.path for each in files.values()}


def _row(query: CostQuery, row: Mapping[str, Any], of: Callable[[Month | None], CostStanding]) -> CostRow:
    date = BookDate(row["date"]) if query.granularity is Granularity.DAY else None
    month = Month(row["month"]) if query.granularity is Granularity.MONTH else month_of(date) if date else None
    return CostRow(
        dimensions={each: row[f"d{place}"] for place, each in enumerate(query.group_by)},
        month=month,
        date=date,
        currency=row["currency"],
        quantity=row["measured"],
        unit=row["unit"],
        standing=of(month),
        **{name: row[name] for name in _SUMMED},
    )


def _open(row: Mapping[str, Any], views: ViewsOfSpan) -> OpenUsageRow:
    named = {name: value for name, value in row.items() if name not in ("month", "state", "total")}
    month = Month(row["month"])
    return OpenUsageRow(month=month, state=LineState(row["state"]), standing=views.of(month), **named)
