"""Explore: any question to the costs, with its address as the question, its answer, and what leads further."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from msgspec import UNSET
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from chargeback.api.conventions.formats import MediaType
from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.rows import CostPage
from chargeback.domain.costs.cost_query import MOST_ROWS_OF_PAGE
from chargeback.domain.time.days import BookDate
from chargeback.services.running.together import together
from chargeback.web.api_client import ApiRefused
from chargeback.web.pages.compared import compared, movers_by, named_mover, reasons
from chargeback.web.pages.cost_charts import draw_costs
from chargeback.web.pages.cost_questions import (
    DIMENSION_WORDS,
    as_command,
    chips,
    fields_of,
    file_name,
    named_spans,
    next_page,
)
from chargeback.web.pages.cost_view import ROWS_OF_PAGE, CostView
from chargeback.web.pages.drill_down import doubts_about, shown_rows
from chargeback.web.pages.explain import explained
from chargeback.web.pages.filter_values import choose_value
from chargeback.web.parts import part
from chargeback.web.sections import EXPLORE_SECTION
from chargeback.web.visits import Page, Pages, Visit

_ATTEMPTS = 3
_FIELDS = {
    *DIMENSION_WORDS,
    "month",
    "startDate",
    "endDate",
    "groupBy",
    "granularity",
    "orderBy",
    "levels",
    "maxpagesize",
}
_FILES = {"costs.csv": MediaType.CSV, "costs.parquet": MediaType.PARQUET}


def routes(site: Pages) -> list[BaseRoute]:
    """The view, its files, the values of a filter, and why an amount is what it is."""
    return [
        site.page(EXPLORE_SECTION.path, EXPLORE_SECTION, partial(_explore, site)),
        *(site.page(f"/explore/{name}", EXPLORE_SECTION, partial(_download, site, name)) for name in _FILES),
        site.page("/explore/values", EXPLORE_SECTION, choose_value),
        site.page("/explore/explain", EXPLORE_SECTION, explained),
    ]


async def _explore(site: Pages, visit: Visit) -> Page | Response:
    given = visit.request.query_params.multi_items()
    view = CostView.of(given)
    if len(view.said) < len(given):  # a form sends its blank fields too
        return RedirectResponse(view.address(), 303)
    return await _page(site, visit, view)


async def _download(site: Pages, name: str, visit: Visit) -> Page | Response:
    """All rows of a view as a file, in the bytes of the API; a refusal is shown with the view."""
    view = CostView.of(visit.request.query_params.multi_items())
    try:
        asked = view.question()
        answer = await visit.api.read(view.path, asked, _FILES[name])
    except ApiRefused as error:
        return await _page(site, visit, view, error)
    headers = {"Content-Disposition": f'attachment; filename="{file_name(asked, name)}"', "ETag": answer.tag}
    return Response(answer.body, 200, headers, answer.headers["content-type"])


async def _page(site: Pages, visit: Visit, view: CostView, refused: ApiRefused | None = None) -> Page:
    catalogue = await site.container.catalogues.current()
    today = catalogue.calendar.date_of(datetime.now(UTC))
    found: Mapping[str, Any] = {"page": None}
    try:
        found = await _answered(visit, view, today)
    except ApiRefused as error:
        refused = refused or error
    faults = _faults(refused)
    values = {
        **found,
        "dimensions": list(DIMENSION_WORDS.items()),
        "words": DIMENSION_WORDS,
        "rows_of_page": ROWS_OF_PAGE,
        "most_rows": MOST_ROWS_OF_PAGE,
        "known_fields": _FIELDS,
        "has_faulty_filter": not faults.keys().isdisjoint(DIMENSION_WORDS),
        "view": view,
        "dates": view.dates(),
        "refused": refused,
        "faults": faults,
        "fields": fields_of(view),
        "chips": chips(view),
        "spans": named_spans(view, date.fromisoformat(today)),
    }
    return Page("explore.html.j2", "Explore", values, refused.status if refused else 200)


async def _answered(visit: Visit, view: CostView, today: BookDate) -> Mapping[str, Any]:
    page, totals = await _rows_and_totals(visit, view)
    is_compared = bool(view.one("compare"))
    comparison = await part(compared(visit.api, view, page, today)) if is_compared else None
    rows = shown_rows(view, page)
    return {
        "page": page,
        "totals": [(each, [*doubts_about(view, each)]) for each in totals.value],
        "rows": rows,
        "currency": totals.value[0].currency if len(totals.value) == 1 else "",
        "is_metered": any(row.quantity is not UNSET for row in page.value),
        "has_why": any(row.why for row in rows),
        "charts": draw_costs(view, page, totals),
        "next_page": next_page(view, page),
        "comparison": comparison,
        "movers_by": movers_by(view),
        "movers_words": ", ".join(DIMENSION_WORDS[DimensionName(each)] for each in movers_by(view)),
        "named_mover": named_mover,
        "reasons": reasons,
        "command": as_command(visit.request, view),
    }


async def _rows_and_totals(visit: Visit, view: CostView) -> tuple[CostPage, CostPage]:
    """A page of rows and the sums of all of them, from the same books."""
    for _ in range(_ATTEMPTS):
        rows, totals = await together(
            visit.api.ask(view.path, CostPage, view.page_asked()),
            visit.api.ask_beside("/costs/summary", CostPage, view.span_and_filters()),
        )
        if (rows.start_date, rows.end_date, rows.as_of) == (totals.start_date, totals.end_date, totals.as_of):
            break
    return rows, totals


def _faults(refused: ApiRefused | None) -> dict[str, str]:
    """Field → what is wrong with it; what is about no field is under an empty name."""
    if refused is None:
        return {}
    error = refused.error
    said = [(each.target, each.message) for each in error.details] or [(error.target, error.message)]
    return {target.partition(".")[0]: message for target, message in reversed(said)}
