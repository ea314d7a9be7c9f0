"""Three months of books with the pages over them, and the people who look at them, for tests that only look."""

from typing import Any

import pytest

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity, Requester, RowScope
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import EVERYBODY, costs_api
from tests.support.many_dimensions import APRIL_20, three_months
from tests.support.pages import with_sessions
from tests.support.people import PeopleByName
from tests.support.whole_api import FINANCE, owner_of
from tests.web.pages.looking import Books

ANN, BOB = (Identity("tenant-a", name) for name in ("ann", "bob"))
PEOPLE = (
    FINANCE,
    owner_of("owner", "product"),
    owner_of("two-owner", "product/search", "research"),
    Requester(ANN, "ann", frozenset({AppRole.USER}), RowScope(own=ANN)),
    Requester(BOB, "bob", frozenset(), RowScope(own=BOB)),
)


@pytest.fixture(scope="session")
async def viewed_months(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> ViewedProduct:
    """February and March are closed in dollars, April is open in euros."""
    viewed = ViewedProduct(await three_months(tmp_path_factory.mktemp("three-months")))
    await viewed.refresh(APRIL_20)
    return viewed


@pytest.fixture(scope="session")
async def three_months_seen(viewed_months: ViewedProduct) -> Any:
    """The container of February, March and April with their views."""
    product = viewed_months.product
    parts = {"catalogues": product.catalogues, "reports": product.reports, "closed_reports": product.closed}
    return with_sessions(costs_api(viewed_months, **parts).state.container, *EVERYBODY)


@pytest.fixture(scope="session")
async def books(viewed_months: ViewedProduct) -> Books:
    """The same with their printed files, seen by `PEOPLE`."""
    product = viewed_months.product
    container = with_sessions(costs_api(viewed_months, people=PeopleByName(*PEOPLE)).state.container, *PEOPLE)
    return Books(container, product.reports.files | product.closed.files)
