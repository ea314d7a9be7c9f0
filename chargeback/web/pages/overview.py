"""The overview: what was spent in a month, why it is more or less, against which limit, on what, and what stands out.

What may take longer than a page, the forecast, is a page of its own, which the overview brings in afterwards.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.routing import BaseRoute

from chargeback.api.costs.rows import CostPage, CostRowAnswer
from chargeback.services.running.together import together
from chargeback.web.api_client import ApiRefused
from chargeback.web.figures import sum_of
from chargeback.web.pages.budgets_of import budgets_of_centre
from chargeback.web.pages.currency_figures import currency_figures, main_cause
from chargeback.web.pages.month_of_centre import MonthOfCentre, month_of_centre
from chargeback.web.pages.outlook import WITHOUT_FORECAST, month_outlook
from chargeback.web.pages.told_alerts import told_alerts
from chargeback.web.parts import Part, part, parts
from chargeback.web.rendering import link
from chargeback.web.sections import ALERTS_SECTION, BUDGETS_SECTION, EXPLORE_SECTION, OVERVIEW_SECTION
from chargeback.web.visits import Page, Pages, Visit


def routes(site: Pages) -> list[BaseRoute]:
    """The overview, and what it brings in afterwards."""
    return [
        site.page(OVERVIEW_SECTION.path, OVERVIEW_SECTION, partial(_overview, site)),
        site.page(f"{OVERVIEW_SECTION.path}/outlook", OVERVIEW_SECTION, partial(_outlook, site)),
        site.page(f"{OVERVIEW_SECTION.path}/alerts", ALERTS_SECTION, partial(_alerts, site)),
    ]


async def _overview(site: Pages, visit: Visit) -> Page:
    about = await month_of_centre(site, visit)
    summary, kinds = await _summary(visit, about)
    rows = _main_currency_first(about, summary.value.value if summary.value else [])
    beside, *figures = await together(
        parts(**_beside(visit, about)), *(currency_figures(visit.api, about, row, kinds) for row in rows)
    )
    values: dict[str, Any] = {
        "about": about,
        "summary": summary,
        "figures": figures,
        "beside": beside,
        "sum_of": sum_of,
        "main_cause": main_cause,
        "address_of": lambda view: partial(_address, about, view),
    }
    return Page("overview.html.j2", "Overview", values)


async def _outlook(site: Pages, visit: Visit) -> Page:
    """What may take long: until when the money lasts, and what the month will end with."""
    about = await month_of_centre(site, visit)
    found = await part(month_outlook(visit.api, about))
    return Page(
        "outlook.html.j2",
        "What is to come",
        {"about": about, "outlook": found, "no_forecast": WITHOUT_FORECAST},
    )


async def _alerts(site: Pages, visit: Visit) -> Page:
    """What stands now: asked for each minute, without all else of the overview."""
    about = await month_of_centre(site, visit)
    found = await part(told_alerts(visit.api, about))
    return Page("overview_alerts.html.j2", "What stands now", {"about": about, "alerts": found})


async def _summary(visit: Visit, about: MonthOfCentre) -> tuple[Part[CostPage], Sequence[CostRowAnswer]]:
    """The sums of the month, and the same by kind.

    While they are away the page shows the rest; wrong parameters are a page of their own.
    """
    asked = visit.api.ask("/costs/summary", CostPage, about.asked)
    by_kind = visit.api.ask_beside("/costs/breakdown", CostPage, about.asked | {"groupBy": "kind"})
    try:
        summary, kinds = await together(asked, by_kind)
    except ApiRefused as error:
        if error.status < 500:
            raise
        return Part(None, error.error, error.request_id), ()
    return Part(summary), kinds.value


def _beside(visit: Visit, about: MonthOfCentre) -> dict[str, Any]:
    """What is asked for beside the costs: nothing for whoever sees only own calls."""
    if not BUDGETS_SECTION.is_seen_by(visit.who):
        return {}
    found: dict[str, Any] = {"alerts": told_alerts(visit.api, about)}
    if about.choice.is_under_way:
        found["budgets"] = budgets_of_centre(visit.api, about)
    return found


def _main_currency_first(about: MonthOfCentre, rows: Sequence[CostRowAnswer]) -> list[CostRowAnswer]:
    return sorted(rows, key=lambda row: (row.currency != about.currency, row.currency))


def _address(about: MonthOfCentre, view: str, value: str) -> str:
    """Where a name of a table leads to: a cost centre to its own overview, anything else to its rows."""
    if view == "costCentre" and value != about.centre and about.scope.has_cost_centre(value):
        return link(OVERVIEW_SECTION.path, about.choice.others, month=about.month, costCentre=value)
    return link(EXPLORE_SECTION.path, about.filter, {view: value}, month=about.month)
