"""One application: its costs by day, model and user, whose they are, and which limits and budgets hold."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from starlette.responses import RedirectResponse, Response

from chargeback.api.costs.applications import ApplicationAnswer, ApplicationsPage
from chargeback.api.costs.rows import CostPage, CostRowAnswer
from chargeback.domain.reports.figures import Share
from chargeback.domain.time.months import dates_of
from chargeback.services.statements.print_numbers import percent
from chargeback.services.statements.tabulate_days import DayTable, Sum
from chargeback.web.api_client import ApiClient
from chargeback.web.figures import days_of, shares_of, sum_of
from chargeback.web.months import MonthChoice, chosen_month
from chargeback.web.pages.application_budgets import budget_uses
from chargeback.web.parts import Part, part, parts, shown
from chargeback.web.rendering import link
from chargeback.web.sections import APPLICATIONS_SECTION
from chargeback.web.visits import Page, Pages, Visit

_NAMES = 15
_VIEWS = {"model": "model", "user": "user", "cost_centre": "costCentre"}
"""By what its costs are told apart → the parameter."""


class ApplicationFigures(NamedTuple):
    """The costs of one currency; `unpriced`: which share of the rows has no price."""

    row: CostRowAnswer
    unpriced: str
    whole: Sum
    days: Part[DayTable]
    views: Mapping[str, Part[Sequence[Share]]]


async def show_application(site: Pages, visit: Visit) -> Page | Response:
    """The application that `application` names, in a month."""
    name = visit.request.query_params.get("application", "")
    if not name:
        return RedirectResponse(APPLICATIONS_SECTION.path, 303)
    choice = await chosen_month(site, visit)
    asked = {**choice.span, "application": name}
    since = {**asked, "startDate": dates_of(choice.before)[0]}
    before = {**asked, "startDate": dates_of(choice.before)[0], "endDate": dates_of(choice.before)[-1]}
    found = await parts(
        summary=visit.api.ask("/costs/summary", CostPage, asked),
        before=visit.api.ask("/costs/summary", CostPage, before),
        about=shown(visit.api.ask("/applications/descriptions", ApplicationsPage, since), _only),
        budgets=budget_uses(visit.api),
    )
    summary: CostPage | None = found["summary"].value
    figures = [await _figures(visit.api, choice, asked, row) for row in (summary.value if summary else ())]
    uses, about = found["budgets"].value or {}, found["about"].value
    values: dict[str, Any] = {
        **found,
        "name": name,
        "choice": choice,
        "figures": figures,
        "uses": [uses[each] for each in (about.budgets if about else ()) if each in uses],
        "address_of": lambda view: partial(_explore, choice, name, view),
    }
    return Page("application.html.j2", name, values)


def unpriced_share(rows: Sequence[CostRowAnswer]) -> str:
    """Which share of the published rows has no price, as a percentage; empty where each has one."""
    without, all_of_them = sum(row.unpriced for row in rows), sum(row.rows for row in rows)
    return percent(Decimal(without), Decimal(all_of_them)) if without else ""


async def _figures(
    api: ApiClient, choice: MonthChoice, asked: Mapping[str, str], row: CostRowAnswer
) -> ApplicationFigures:
    these = {**asked, "currency": row.currency}

    async def days() -> DayTable:
        of = {**these, "granularity": "day", "groupBy": ["kind", "model"], "maxpagesize": 5_000}
        return days_of((await api.ask("/costs/series", CostPage, of)).value, "model", choice.first, choice.last)

    async def named(attribute: str, parameter: str) -> Sequence[Share]:
        of = {**these, "groupBy": ["kind", parameter], "maxpagesize": _NAMES}
        return shares_of((await api.ask("/costs/breakdown", CostPage, of)).value, attribute, row)

    views = await parts(**{each: named(each, parameter) for each, parameter in _VIEWS.items()})
    return ApplicationFigures(row, unpriced_share([row]), sum_of(row), await part(days()), views)


def _explore(choice: MonthChoice, name: str, view: str, value: str) -> str:
    """Where Explore shows a value of it."""
    after = {"model": "user", "user": "model", "cost_centre": "model"}[view]
    return link("/explore", {_VIEWS[view]: value}, month=choice.month, application=name, groupBy=after)


def _only(found: ApplicationsPage) -> ApplicationAnswer | None:
    return next(iter(found.value), None)
