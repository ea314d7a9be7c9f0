"""Products in memory that the tests of routes read or change, and clients of the API over them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from chargeback.api.app import http_api
from chargeback.bootstrap import Container
from chargeback.domain.reports.layout import accrual_path, journal_path, plan_path
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from tests.api import listed_routes
from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import costs_api, over_again, viewed_march
from tests.support.evidenced_months import both_months
from tests.support.people import PeopleByName, as_person, client_of, person, small_api
from tests.support.whole_api import EVERYBODY, memory_container, owner_of, whole_api

SEARCH_OWNER = owner_of("search-owner", "product/search")
RESEARCHER = owner_of("researcher", "research")


@pytest.fixture(scope="session")
async def viewed(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> ViewedProduct:
    """A product in memory with an open March; tests only read it."""
    folder: Path = tmp_path_factory.mktemp("viewed")
    return await viewed_march(folder)


@pytest.fixture(scope="session")
def costs_built(viewed: ViewedProduct) -> FastAPI:
    """The API over that product: to build it takes longer than most tests."""
    return costs_api(viewed)


@pytest.fixture
async def costs(viewed: ViewedProduct, costs_built: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that API, which signs in as nobody yet."""
    async with client_of(over_again(costs_built, viewed)) as client:
        yield client


@pytest.fixture(scope="session")
async def closed_months(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> ViewedProduct:
    """March and April are closed; tests only read them."""
    product = await both_months(tmp_path_factory.mktemp("closed"))
    april = Month("2026-04")
    for store, path in (
        (product.closed, journal_path(april)),
        (product.reports, plan_path(april)),
        (product.reports, plan_path(Month("2026-05"))),
        (product.reports, accrual_path(april, BookDate("2026-04-20"))),
    ):
        async with store.create(path, "text/csv") as file:
            await file.write(path.encode())
    return ViewedProduct(product)


@pytest.fixture(scope="session")
async def closed(closed_months: ViewedProduct) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API over these months."""
    people = PeopleByName(*EVERYBODY, SEARCH_OWNER, RESEARCHER)
    async with client_of(costs_api(closed_months, people=people)) as client:
        yield client


@pytest.fixture(scope="session")
def over_stack(container: Container) -> FastAPI:
    """The API over the session's stack."""
    return http_api(container)


@pytest.fixture(scope="module")
def built() -> tuple[Container, FastAPI]:
    """A product in memory that the tests of one module change, and the API over it."""
    container = memory_container()
    return container, whole_api(container)


@pytest.fixture
async def api(built: tuple[Container, FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that API."""
    async with client_of(built[1]) as client:
        yield client


@pytest.fixture
async def listing() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the routes that a test has with the conventions of the product, signed in as Ann."""
    listed_routes.version[0] = "v1"
    async with client_of(small_api(listed_routes.routes, person("ann"), person("bob"))) as client:
        client.headers.update(as_person("ann"))
        yield client
