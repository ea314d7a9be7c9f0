"""Leads from each figure of a view to what is behind it: filtered by it, by what comes next, and why it is paid."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.rows import CostPage, CostRowAnswer
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, dates_of, month_of
from chargeback.web.pages.cost_view import CostView

_USEFUL = (
    DimensionName.COST_CENTRE,
    DimensionName.APPLICATION,
    DimensionName.USER,
    DimensionName.MODEL,
    DimensionName.METER,
    DimensionName.OPERATION,
    DimensionName.REGION,
    DimensionName.DEPLOYMENT_TYPE,
)
"""What people ask next, in this order."""

_STATES = {"unpriced": "without a price", "unsettled": "waiting for tokens", "estimated": "estimated"}
"""What may be missing in a row → the words for it."""


class ShownValue(NamedTuple):
    """A value of a row, and where it leads; `name`: the dimension, or the time that it is."""

    name: str
    text: str
    address: str


class Doubt(NamedTuple):
    """Why a cost may still change, and where the usage is that it is about."""

    words: str
    address: str


class ShownRow(NamedTuple):
    """A row as a page shows it; `why`: where it is explained, empty where no single cost centre pays it."""

    row: CostRowAnswer
    values: tuple[ShownValue, ...]
    doubts: tuple[Doubt, ...]
    why: str


def shown_rows(view: CostView, page: CostPage) -> list[ShownRow]:
    """The rows of a page with their links."""
    names = [DimensionName(each) for each in view.group_by if each != DimensionName.CURRENCY]
    return [
        ShownRow(
            row,
            (*_times(view, page, row), *(_value(view, row, name, names) for name in names)),
            tuple(doubts_about(_narrowed(view, page, row, names), row)),
            _why(view, page, row, names),
        )
        for row in page.value
    ]


def value_of(row: CostRowAnswer, name: DimensionName) -> str:
    """What a row says of a dimension that it is told apart by."""
    return str(getattr(row, name.name.lower()))


def doubts_about(view: CostView, row: CostRowAnswer) -> Iterator[Doubt]:
    """What is not known of a row; `view` looks at its costs alone."""
    for state, words in _STATES.items():
        if count := getattr(row, state):
            there = view.putting(usageState=state, granularity=(), groupBy=("application", "model", "meter"))
            yield Doubt(f"{count} {words}", there.address())


def is_cut(view: CostView, cost_centre: str) -> bool:
    """Whether a row of a view may stand for cost centres below the one that it names."""
    return bool(view.levels) and len(cost_centre.split("/")) == view.levels


def _value(view: CostView, row: CostRowAnswer, name: DimensionName, names: Sequence[DimensionName]) -> ShownValue:
    value = value_of(row, name)
    if name is DimensionName.COST_CENTRE and is_cut(view, value):
        there = view.only(name, value).putting(levels=str(view.levels + 1))
        return ShownValue(name, value, there.address())
    groups = [each for each in view.group_by if each != name] or _next(view, names)
    if not groups and view.all(name) == [value]:
        return ShownValue(name, value, "")
    return ShownValue(name, value, view.only(name, value).putting(groupBy=groups or [name]).address())


def _next(view: CostView, names: Sequence[DimensionName]) -> list[str]:
    """What is asked next: the first useful dimension that the view does not fix yet."""
    left = (
        each for each in _USEFUL if each not in names and len(view.all(each)) != 1 and each not in view.all("without")
    )
    return [str(each) for each in left][:1]


def _times(view: CostView, page: CostPage, row: CostRowAnswer) -> Iterator[ShownValue]:
    if view.one("granularity") == "day" and isinstance(row.date, str):
        there = view.putting(month=(), startDate=row.date, endDate=row.date, granularity=())
        yield ShownValue("date", row.date, there.address())
    elif isinstance(row.month, str):
        there = _of_month(view, page, Month(row.month)).putting(granularity="day")
        yield ShownValue("month", row.month, there.address())


def _narrowed(view: CostView, page: CostPage, row: CostRowAnswer, names: Sequence[DimensionName]) -> CostView:
    """The view of one row alone."""
    if isinstance(row.date, str):
        view = view.putting(month=(), startDate=row.date, endDate=row.date)
    elif isinstance(row.month, str):
        view = _of_month(view, page, Month(row.month))
    for name in names:
        view = view.only(name, value_of(row, name))
    return view


def _of_month(view: CostView, page: CostPage, month: Month) -> CostView:
    """The dates of a month that are in the span of a page."""
    dates = dates_of(month)
    first, last = max(dates[0], page.start_date), min(dates[-1], page.end_date)
    return view.putting(month=(), startDate=first, endDate=last)


def _why(view: CostView, page: CostPage, row: CostRowAnswer, names: Sequence[DimensionName]) -> str:
    months = {month_of(BookDate(page.start_date)), month_of(BookDate(page.end_date))}
    month = row.month if isinstance(row.month, str) else months.pop() if len(months) == 1 else ""
    if not month or DimensionName.COST_CENTRE not in names:
        return ""
    centre = value_of(row, DimensionName.COST_CENTRE)
    if is_cut(view, centre):
        return ""
    asked = {"period": month, "costCentre": centre}
    if DimensionName.MODEL in names and (model := value_of(row, DimensionName.MODEL)):
        asked["model"] = model
    return f"/explore/explain?{urlencode(asked)}"
