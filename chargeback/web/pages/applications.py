"""Applications: what each costs, who owns that, what it may and did call, and how its budgets stand."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from starlette.routing import BaseRoute

from chargeback.api.costs.applications import ApplicationAnswer, ApplicationsPage
from chargeback.api.costs.rows import CostPage, CostRowAnswer
from chargeback.api.costs.values import ValuesPage
from chargeback.domain.time.months import dates_of
from chargeback.web.api_client import ApiClient
from chargeback.web.months import MonthChoice, chosen_month
from chargeback.web.pages.application_budgets import OwnBudgetUse, budget_uses
from chargeback.web.pages.one_application import show_application, unpriced_share
from chargeback.web.parts import Part, part, parts, shown
from chargeback.web.sections import APPLICATIONS_SECTION
from chargeback.web.visits import Page, Pages, Visit

_ROWS = 25
"""As many names as fit into one question."""


class ApplicationLine(NamedTuple):
    """An application in the list; `now` and `before` have a row for each currency of the two months."""

    name: str
    about: ApplicationAnswer | None
    now: Sequence[CostRowAnswer]
    before: Sequence[CostRowAnswer]
    budgets: Sequence[OwnBudgetUse]

    @property
    def calls(self) -> int:
        """Those of the month."""
        return sum(row.requests for row in self.now)

    @property
    def unpriced(self) -> str:
        """Which share of the month's rows has no price."""
        return unpriced_share(self.now)


def routes(site: Pages) -> list[BaseRoute]:
    """The list, and one of them."""
    return [
        site.page(APPLICATIONS_SECTION.path, APPLICATIONS_SECTION, partial(_list, site)),
        site.page(f"{APPLICATIONS_SECTION.path}/one", APPLICATIONS_SECTION, partial(show_application, site)),
    ]


async def _list(site: Pages, visit: Visit) -> Page:
    choice = await chosen_month(site, visit)
    given = visit.request.query_params
    said = {name: given.get(name, "") for name in ("startsWith", "orderBy")}
    span = {"startDate": dates_of(choice.before)[0], "endDate": choice.last}
    found = await _ranked(visit.api, span, said, given.get("cursor", ""))
    lines: Part[list[ApplicationLine]] = Part([])
    if found and (names := [row.application for row in found.value if row.application]):
        lines = await part(_lines(visit.api, choice, span, [*dict.fromkeys(map(str, names))]))
    values = {
        "choice": choice,
        "said": said,
        "found": found,
        "lines": lines,
        "is_later": bool(given.get("cursor")),
        "next_cursor": _cursor(found) if found else "",
    }
    return Page("applications.html.j2", "Applications", values)


async def _ranked(api: ApiClient, span: Mapping[str, str], said: Mapping[str, str], cursor: str) -> CostPage | None:
    """The names of a page, in the order that is asked for; None where no name begins so."""
    asked: dict[str, object] = {**span, "groupBy": "application", "maxpagesize": _ROWS, "orderBy": said["orderBy"]}
    if said["startsWith"] and not cursor:
        begins = {**span, "startsWith": said["startsWith"], "maxpagesize": _ROWS}
        names = await api.ask("/costs/dimensions/application", ValuesPage, begins)
        if not names.value:
            return None
        asked["application"] = [each.name for each in names.value]
    return await api.ask("/costs/breakdown", CostPage, {"cursor": cursor} if cursor else asked)


async def _lines(
    api: ApiClient, choice: MonthChoice, span: Mapping[str, str], names: Sequence[str]
) -> list[ApplicationLine]:
    these: dict[str, object] = {**span, "application": names, "maxpagesize": 5_000}
    by_month = these | {"granularity": "month", "groupBy": "application"}
    asked = await parts(
        rows=api.ask("/costs/series", CostPage, by_month),
        about=shown(api.ask("/applications/descriptions", ApplicationsPage, these), _by_name),
        budgets=budget_uses(api),
    )
    rows: Sequence[CostRowAnswer] = asked["rows"].value.value if asked["rows"].value else ()
    about: Mapping[str, ApplicationAnswer] = asked["about"].value or {}
    budgets: Mapping[str, OwnBudgetUse] = asked["budgets"].value or {}
    return [
        ApplicationLine(
            name,
            about.get(name),
            [row for row in rows if row.application == name and row.month == choice.month],
            [row for row in rows if row.application == name and row.month == choice.before],
            [budgets[each] for each in (about[name].budgets if name in about else ()) if each in budgets],
        )
        for name in names
    ]


def _by_name(found: ApplicationsPage) -> dict[str, ApplicationAnswer]:
    return {each.application: each for each in found.value}


def _cursor(found: CostPage) -> str:
    return parse_qs(urlsplit(found.next_link).query)["cursor"][0] if isinstance(found.next_link, str) else ""
