"""The overview: what was spent this month, against which limit, on what, and what moved it."""

from starlette.routing import BaseRoute

from chargeback.api.costs.rows import CostPage
from chargeback.web.parts import parts
from chargeback.web.sections import OVERVIEW_SECTION
from chargeback.web.visits import Page, Pages, Visit


def routes(site: Pages) -> list[BaseRoute]:
    """The one page."""
    return [site.page(OVERVIEW_SECTION.path, OVERVIEW_SECTION, _overview)]


async def _overview(visit: Visit) -> Page:
    found = await parts(summary=visit.api.ask("/costs/summary", CostPage))
    return Page("overview.html.j2", "Overview", found)
