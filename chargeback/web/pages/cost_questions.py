"""Words and fields for a view of the costs: its form, its filters in force, its files, and the same for programs."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request

from chargeback.api.conventions.pages import base_url
from chargeback.api.costs.names import FILTERS, DimensionName
from chargeback.api.costs.rows import CostPage
from chargeback.api.errors import ApiError
from chargeback.domain.reports.rows import KINDS
from chargeback.domain.usage.states import LineState
from chargeback.web.pages.cost_view import WITHOUT, CostView

DIMENSION_WORDS = {
    DimensionName.COST_CENTRE: "cost centre",
    DimensionName.APPLICATION: "application",
    DimensionName.USER: "user",
    DimensionName.MODEL: "model",
    DimensionName.OPERATION: "operation",
    DimensionName.REGION: "region",
    DimensionName.DEPLOYMENT_TYPE: "deployment type",
    DimensionName.METER: "meter",
    DimensionName.USAGE_STATE: "state of the usage",
    DimensionName.KIND: "kind",
    DimensionName.CURRENCY: "currency",
}
"""What people call a dimension."""

_FIXED: Mapping[DimensionName, Sequence[str]] = {
    DimensionName.KIND: KINDS,
    DimensionName.USAGE_STATE: tuple(each.value for each in LineState),
}


class FilterField(NamedTuple):
    """A filter in the form.

    Attributes:
        chosen: the values in force.
        offered: the others, where there are only a few and they are known.
        values_address: where the values are listed that rows have; empty for a filter whose values are known.
    """

    name: str
    words: str
    hint: str
    chosen: list[str]
    offered: list[str]
    is_without: bool
    values_address: str


class Chip(NamedTuple):
    """A filter in force, and the view without it."""

    words: str
    value: str
    address: str


class NamedSpan(NamedTuple):
    """A span of dates that people ask for often."""

    words: str
    address: str


def fields_of(view: CostView) -> list[FilterField]:
    """Every filter of the API."""
    found = []
    for each in FILTERS.values():
        name = DimensionName(each.name)
        chosen, known = view.all(name), _FIXED.get(name, ())
        offered = [value for value in known if value not in chosen]
        address = "" if known else f"/explore/values?{urlencode([('dimension', name), *view.putting().said])}"
        is_without = name in view.all(WITHOUT)
        found.append(FilterField(name, DIMENSION_WORDS[name], each.description, chosen, offered, is_without, address))
    return found


def chips(view: CostView) -> list[Chip]:
    """The filters in force."""
    with_value = [
        Chip(DIMENSION_WORDS[DimensionName(name)], value, view.dropping(name, value).address())
        for name, value in view.said
        if name in DIMENSION_WORDS
    ]
    names = [name for name in view.all(WITHOUT) if name in DIMENSION_WORDS]
    return with_value + [
        Chip(DIMENSION_WORDS[DimensionName(n)], "", view.dropping(WITHOUT, n).address()) for n in names
    ]


def named_spans(view: CostView, today: date) -> list[NamedSpan]:
    """The view over other dates."""
    found = [NamedSpan("this month", view.putting(month=(), startDate=(), endDate=()).address())]
    last_month = (today.replace(day=1) - timedelta(days=1)).isoformat()[:7]
    found.append(NamedSpan("last month", view.putting(month=last_month, startDate=(), endDate=()).address()))
    for words, days in (("7 days", 7), ("30 days", 30), ("90 days", 90), ("a year", 365)):
        first = (today - timedelta(days=days - 1)).isoformat()
        there = view.putting(month=(), startDate=first, endDate=today.isoformat())
        found.append(NamedSpan(words, there.address()))
    return found


def next_page(view: CostView, page: CostPage) -> str:
    """Where the next page of rows is, by the API's own cursor; empty on the last one."""
    if not isinstance(page.next_link, str):
        return ""
    cursor = parse_qs(urlsplit(page.next_link).query)["cursor"]
    return CostView((*view.putting().said, ("cursor", cursor[0]))).address()


def file_name(asked: Mapping[str, Sequence[str]], name: str) -> str:
    """What the file of a question is called, such as `costs 2026-03-01 to 2026-03-31.csv`."""
    dates = [each for part in ("startDate", "endDate") for each in asked.get(part, ())]
    first, point, ending = name.partition(".")
    return f"{first} {' to '.join(dates)}".rstrip() + point + ending


def as_command(request: Request, view: CostView) -> str:
    """The question as a program asks it, with the token that the reader has to put in."""
    query = urlencode(view.question(), doseq=True)
    try:
        base = base_url(request)
    except ApiError:  # the request names no host that an address can begin with
        base = "$API"
    address = f"{base}/api/v1{view.path}" + (f"?{query}" if query else "")
    return f'curl --fail-with-body -sS -H "Authorization: Bearer $TOKEN" "{address}"'
