"""Products with the pages over them, and the people who look: three months of books, and a team with two budgets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity, Requester, RowScope
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import EVERYBODY, costs_api
from tests.support.many_dimensions import APRIL_20, three_months
from tests.support.page_worlds import PageWorld, call, world_over
from tests.support.pages import browser_of, with_sessions
from tests.support.people import PeopleByName, as_person
from tests.support.waiting_month import WaitingMonths
from tests.support.whole_api import FINANCE, owner_of
from tests.web.pages.budget_pages import LAUNCH, TRIAL, Browsing
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


@pytest.fixture
async def finance(three_months_seen: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of finance, over these months."""
    async with browser_of(three_months_seen, "finance") as made:
        yield made


@pytest.fixture
async def finance_api(three_months_seen: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The API, which finance asks."""
    async with httpx.AsyncClient(
        transport=browser_of(three_months_seen)._transport,
        base_url="https://page.test",
        headers=as_person("finance"),
    ) as made:
        yield made


@pytest.fixture(scope="session")
async def books(viewed_months: ViewedProduct) -> Books:
    """The same with their printed files, seen by `PEOPLE`."""
    product = viewed_months.product
    container = with_sessions(costs_api(viewed_months, people=PeopleByName(*PEOPLE)).state.container, *PEOPLE)
    return Books(container, product.reports.files | product.closed.files)


@pytest.fixture(scope="session")
def waiting_month(tmp_path_factory: pytest.TempPathFactory) -> WaitingMonths:
    """A month that waits to be closed, for each test to change."""
    return WaitingMonths(tmp_path_factory.mktemp("waiting"))


@pytest.fixture(scope="module")
async def limited(anyio_backend: str) -> PageWorld:
    """Ten days of calls of one team, with a budget that acts and one in shadow."""
    world, now = world_over(), datetime.now(UTC)
    calls = [
        call("search", "", 400 + 10 * back, time=f"{now - timedelta(days=back, seconds=9):%Y-%m-%dT%H:%M:%SZ}")
        for back in range(10)
    ]
    await world.ingest(calls, now)
    await world.container.auditor.audit(now)
    for each in (LAUNCH, TRIAL):
        await world.act("finance", "POST", "/budgets", **each)
    return world


@pytest.fixture(scope="module")
async def browsing(limited: PageWorld) -> AsyncIterator[Browsing]:
    """The browsers of everybody, over the team with budgets."""
    async with AsyncExitStack() as stack:
        known: dict[str, httpx.AsyncClient] = {}
        for who in ("finance", "admin", "auditor", "owner", "user", "operator", "nobody"):
            known[who] = await stack.enter_async_context(browser_of(limited.container, who))
        yield known.__getitem__
