"""My usage: what somebody used themselves, under which identity it counts, and what limits their calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from starlette.routing import BaseRoute

from chargeback.api.costs.own_usage import WhoAnswer
from chargeback.api.costs.rows import CostPage, CostRowAnswer
from chargeback.domain.reports.figures import Share
from chargeback.domain.time.months import Month, dates_of, months_between
from chargeback.services.running.together import together
from chargeback.services.statements.tabulate_days import DayTable
from chargeback.web.api_client import ApiClient
from chargeback.web.figures import days_of, shares_of, sum_of
from chargeback.web.months import MonthChoice, chosen_month
from chargeback.web.pages.budgets_of import budgets_of_user
from chargeback.web.parts import Part, part, parts
from chargeback.web.sections import MY_USAGE_SECTION
from chargeback.web.visits import Page, Pages, Visit

_PATH = "/me/usage"
_NAMES = 12
_MONTHS = 12
_ALL = "5000"
_VIEWS = {"model": "model", "application": "application", "cost_centre": "costCentre"}


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """What somebody used in a month, in one currency; `tables`: dimension → what each of its values costs."""

    currency: str
    whole: CostRowAnswer
    days: Part[DayTable]
    tables: dict[str, Part[Sequence[Share]]]


def routes(site: Pages) -> list[BaseRoute]:
    """The one page."""
    return [site.page(MY_USAGE_SECTION.path, MY_USAGE_SECTION, partial(_my_usage, site))]


async def _my_usage(site: Pages, visit: Visit) -> Page:
    choice, api = await chosen_month(site, visit), visit.api
    months = api.ask(_PATH, CostPage, _last_year(choice) | {"granularity": "month", "maxpagesize": _ALL})
    summary = await part(api.ask(_PATH, CostPage, choice.span))
    rows = summary.value.value if summary.value else []
    beside, *figures = await together(
        parts(
            me=api.ask("/me", WhoAnswer),
            months=months,
            budgets=budgets_of_user(api, visit.who.identity.object_id),
        ),
        *(_figures(api, choice, each) for each in rows),
    )
    values = {"choice": choice, "summary": summary, "figures": figures, "sum_of": sum_of, **beside}
    return Page("my_usage.html.j2", "My usage", values)


async def _figures(api: ApiClient, choice: MonthChoice, whole: CostRowAnswer) -> OwnFigures:
    asked = choice.span | {"currency": whole.currency, "maxpagesize": _ALL}

    async def days() -> DayTable:
        page = await api.ask(_PATH, CostPage, asked | {"granularity": "day", "groupBy": ["model", "kind"]})
        return days_of(page.value, "model", choice.first, dates_of(choice.month)[-1])

    async def named(dimension: str, parameter: str) -> Sequence[Share]:
        page = await api.ask(_PATH, CostPage, asked | {"groupBy": parameter})
        largest = sorted(page.value, key=lambda row: -Decimal(row.cost or 0))[:_NAMES]
        return shares_of(largest, dimension, whole)

    found = await parts(days=days(), **{name: named(name, parameter) for name, parameter in _VIEWS.items()})
    return OwnFigures(whole.currency, whole, found.pop("days"), found)


def _last_year(choice: MonthChoice) -> dict[str, str]:
    """The twelve months until the one shown."""
    year, number = int(choice.month[:4]), int(choice.month[5:])
    first = Month(f"{year - 1:04}-{number + 1:02}" if number < _MONTHS else f"{year:04}-01")
    return {"startDate": dates_of(months_between(first, choice.month)[0])[0], "endDate": choice.last}
