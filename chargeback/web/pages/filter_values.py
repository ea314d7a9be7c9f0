"""The values that a filter of Explore can have, to choose one from: as many as there are, by what they begin with."""

from urllib.parse import parse_qs, urlencode, urlsplit

from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.values import ValuesPage
from chargeback.web.pages.cost_questions import DIMENSION_WORDS
from chargeback.web.pages.cost_view import CostView
from chargeback.web.visits import Page, Visit

_VALUES_OF_PAGE = "200"
_OWN = ("dimension", "startsWith", "cursor")


async def choose_value(visit: Visit) -> Page:
    """The list, in which each value leads back to the view with that filter."""
    given = visit.request.query_params
    view = CostView.of((name, value) for name, value in given.multi_items() if name not in _OWN)
    name, begins = given.get("dimension", ""), given.get("startsWith", "")
    asked = {"cursor": [given["cursor"]]} if given.get("cursor") else _asked(view, name, begins)
    found = await visit.api.ask(f"/costs/dimensions/{name}", ValuesPage, asked)
    dimension = DimensionName(name)
    values = {
        "found": found,
        "name": name,
        "words": DIMENSION_WORDS[dimension],
        "begins": begins,
        "view": view,
        "next_page": _next(found, view, name, begins),
        "choices": [(each.name, _added(view, name, each.name).address()) for each in found.value],
        "without": view.only(dimension, "").address(),
    }
    return Page("filter_values.html.j2", f"Choose: {DIMENSION_WORDS[dimension]}", values)


def _asked(view: CostView, name: str, begins: str) -> dict[str, list[str]]:
    """The values in the span and under the other filters: this one's own would leave only what is chosen already."""
    asked = view.putting(**{name: ()}).span_and_filters() if name else {}
    return asked | {"startsWith": [begins] if begins else [], "maxpagesize": [_VALUES_OF_PAGE]}


def _added(view: CostView, name: str, value: str) -> CostView:
    return view.putting(**{name: dict.fromkeys([*view.all(name), value])})


def _next(found: ValuesPage, view: CostView, name: str, begins: str) -> str:
    if not isinstance(found.next_link, str):
        return ""
    cursor = parse_qs(urlsplit(found.next_link).query)["cursor"][0]
    said = [("dimension", name), ("startsWith", begins), *view.said, ("cursor", cursor)]
    return f"/explore/values?{urlencode(said)}"
