"""The section Budgets: all of them, each by itself, and changing them."""

from starlette.routing import BaseRoute

from chargeback.web.pages.budgets import acts, definition_forms, listing, one
from chargeback.web.visits import Pages


def routes(site: Pages) -> list[BaseRoute]:
    """Every page and form of the section."""
    return [*listing.routes(site), *definition_forms.routes(site), *acts.routes(site), *one.routes(site)]
