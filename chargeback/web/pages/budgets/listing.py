"""All budgets that somebody may see: what each limits, what is used, where it goes and which step holds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from starlette.routing import BaseRoute

from chargeback.api.budgets.definitions import BudgetPage
from chargeback.api.budgets.predictions import BudgetPredictions
from chargeback.api.budgets.standing import BudgetStatuses
from chargeback.api.conventions.pages import LARGEST_PAGE
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.budgets.budget import ScopeKind
from chargeback.web.pages.budgets.done import done_text
from chargeback.web.pages.budgets.views import BudgetView, views_of
from chargeback.web.parts import parts
from chargeback.web.sections import BUDGETS_SECTION
from chargeback.web.visits import Page, Pages, Visit

ON_A_PAGE = 50
_OFFERED = 300
"""Cost centres that are offered to choose from; others can be typed."""

_SLOW, _SOON = 60, 5
"""Seconds until the page is brought up to date; sooner while forecasts are worked out."""


def routes(site: Pages) -> list[BaseRoute]:
    """The list."""

    async def listed(visit: Visit) -> Page:
        return await _list(site, visit)

    return [site.page(BUDGETS_SECTION.path, BUDGETS_SECTION, listed)]


async def _list(site: Pages, visit: Visit) -> Page:
    query = visit.request.query_params
    centre, state = query.get("costCentre", "").strip("/ "), query.get("state", "")
    asked = await parts(
        definitions=_definitions(visit, centre), statuses=visit.api.ask("/budget/status", BudgetStatuses)
    )
    definitions, statuses = asked["definitions"], asked["statuses"]
    today = await books_date(site)
    by_id = {each.id: each for each in statuses.value.value} if statuses.value else {}
    views = views_of(definitions.value.value if definitions.value else (), by_id, today)
    counts = _counts(views)
    chosen = [each for each in views if not state or state in _states(each)]
    number = _page_number(query.get("page", ""), len(chosen))
    shown = await with_predictions(visit, chosen[(number - 1) * ON_A_PAGE : number * ON_A_PAGE])
    centres = sorted({each.scope.value for each in views if each.scope.kind is ScopeKind.COST_CENTRE})
    return Page(
        "budgets.html.j2",
        "Budgets",
        {
            "definitions": definitions,
            "statuses": statuses,
            "counts": counts,
            "total": len(views),
            "found": len(chosen),
            "views": shown,
            "waiting": sum(each.is_waiting for each in shown),
            "refresh": _SOON if any(each.is_waiting for each in shown) else _SLOW,
            "centres": centres[:_OFFERED],
            "filters": {"costCentre": centre, "state": state},
            "number": number,
            "pages": max(1, -(-len(chosen) // ON_A_PAGE)),
            "first": (number - 1) * ON_A_PAGE + 1,
            "may_make": refusal(visit.who, Permission.CHANGE_BUDGETS) is None,
            "done": done_text(visit),
        },
    )


async def with_predictions(visit: Visit, views: Sequence[BudgetView]) -> list[BudgetView]:
    """The views with where their windows go, as far as that is known."""
    names = [each.answer.id for each in views if each.is_known]
    if not names:
        return list(views)
    part = (await parts(found=visit.api.ask("/budget/predict", BudgetPredictions, {"budget": names})))["found"]
    found = {each.budget: each for each in part.value.value} if part.value else {}
    waiting = set(part.value.waiting) if part.value else set()
    return [replace(each, prediction=found.get(each.answer.id), is_waiting=each.answer.id in waiting) for each in views]


async def books_date(site: Pages) -> date:
    """The date of the books that is under way."""
    catalogue = await site.container.catalogues.current()
    return date.fromisoformat(catalogue.calendar.date_of(datetime.now(UTC)))


async def _definitions(visit: Visit, centre: str) -> BudgetPage:
    return await visit.api.ask("/budgets", BudgetPage, {"costCentre": centre, "maxpagesize": LARGEST_PAGE})


def _states(view: BudgetView) -> list[str]:
    """What a budget is found by; `acts now` is beside its state."""
    acts = ["acts now"] if view.status is not None and view.status.acts else []
    return [view.state, *acts, *(["shadow"] if view.body.shadow else [])]


def _counts(views: Sequence[BudgetView]) -> list[tuple[str, int]]:
    found = Counter(state for each in views for state in _states(each))
    order = ("acts now", "used up", "step reached", "healthy", "unknown", "shadow", "not in force")
    return [(state, found[state]) for state in order if found[state]]


def _page_number(text: str, found: int) -> int:
    last = max(1, -(-found // ON_A_PAGE))
    return min(max(int(text), 1), last) if text.isascii() and text.isdigit() and len(text) < 6 else 1
