"""Which pages there are, who sees each, and where to find one of each in the ordinary world."""

from collections.abc import Iterator
from typing import Any

from chargeback.domain.alerts.alert import Matter, alert_id
from chargeback.domain.alerts.kinds import AlertKind
from tests.support.page_worlds import MONTH, PEOPLE, this_month

EVERYBODY = frozenset(each.name for each in PEOPLE)
_OWNERS = frozenset({"owner", "voice-owner"})
_OF_COSTS = _OWNERS | {"finance", "admin", "auditor", "user"}
_OF_CENTRES = _OWNERS | {"finance", "admin", "auditor"}

_OF_SEARCH = frozenset({"owner", "finance", "admin", "auditor"})
_REACHED = Matter(AlertKind.BUDGET, "product/search/launch", "cost-centre:product/search", this_month(), "100 % actual")

_FINANCE = frozenset({"finance", "admin"})
_AUDITORS = frozenset({"auditor", "admin"})
_OPERATORS = frozenset({"operator", "admin"})

PAGES: dict[str, tuple[frozenset[str], str]] = {
    "/overview": (_OF_COSTS, f"/overview?month={MONTH}"),
    "/budgets": (_OF_CENTRES, "/budgets"),
    "/budgets/{budget}": (_OF_SEARCH, "/budgets/product:search:launch"),
    "/budgets/{budget}/change": (_OF_SEARCH - {"auditor"}, "/budgets/product:search:launch/change"),
    "/budgets/{budget}/delete": (_OF_SEARCH - {"auditor"}, "/budgets/product:search:launch/delete"),
    "/new-budget": (_OF_CENTRES - {"auditor"}, "/new-budget"),
    "/alerts": (_OF_CENTRES, "/alerts"),
    "/alerts/{alert}": (_OF_SEARCH, f"/alerts/{alert_id(_REACHED, 1)}"),
    "/overview/alerts": (_OF_CENTRES, "/overview/alerts"),
    "/overview/outlook": (_OF_COSTS, f"/overview/outlook?month={MONTH}"),
    "/my-usage": (EVERYBODY, f"/my-usage?month={MONTH}"),
    "/explore": (_OF_COSTS, f"/explore?month={MONTH}&groupBy=costCentre&groupBy=model&compare=yes"),
    "/explore/values": (_OF_COSTS, f"/explore/values?dimension=user&month={MONTH}"),
    "/explore/explain": (_OF_COSTS - {"voice-owner"}, f"/explore/explain?period={MONTH}&costCentre=product%2Fsearch"),
    "/applications": (_OF_COSTS, f"/applications?month={MONTH}"),
    "/applications/one": (_OF_COSTS, f"/applications/one?application=search&month={MONTH}"),
    "/months": (_OF_COSTS, "/months"),
    "/months/{period}": (_OF_COSTS, f"/months/{MONTH}"),
    "/months/{period}/{act}": (_FINANCE, f"/months/{MONTH}/close-in-spite"),
    "/log": (_AUDITORS | _OPERATORS, "/log"),
    "/log/{number}": (_AUDITORS, "/log/2"),
    "/log/set-aside": (_AUDITORS | _OPERATORS, "/log/set-aside"),
    "/log/quarantine": (_AUDITORS | _OPERATORS, "/log/quarantine"),
    "/log/operations": (_AUDITORS | _OPERATORS, "/log/operations"),
    "/log/again/{what}": (_OPERATORS, "/log/again/quarantine"),
}
"""Path of a route → who sees the page, and an address of it."""

OF_ORDINARY = frozenset(path for path in PAGES if "{" in path) | {"/explore/explain", "/applications/one"}
"""Pages of something that only the ordinary world has."""

ASKS_NOTHING = frozenset({"/new-budget"})
"""Pages that are whole while every store is away."""

NOT_LOOKED_AT = {
    "/",
    "/assets/{digest}/{name}",
    "/sign-in",
    "/signed-in",
    "/signed-out",
    "/welcome",
    "/budgets/{budget}/overrides",
    "/budgets/{budget}/replays",
    "/explore/costs.csv",
    "/explore/costs.parquet",
    "/months/{period}/files/{name:path}",
    "/months/operations/{id}",
    "/log/operations/{id}",
    "/log/quarantine/{batch:path}",
    "/log/entries.csv",
}
"""Routes that show no page to whoever is signed in: they lead to one, or answer with a file. Others look at them."""


def routes_of(site: Any) -> Iterator[str]:
    """The paths of all routes that answer GET."""
    while not hasattr(site, "routes"):
        site = getattr(site, "_app", None) or site.app
    for route in site.routes:
        if "GET" in (route.methods or ()):
            yield route.path
