"""One product with costs for the tests of the routes that read them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import costs_api, viewed_march
from tests.support.people import client_of


@pytest.fixture(scope="session")
async def viewed(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> ViewedProduct:
    """A product in memory with an open March; tests only read it."""
    folder: Path = tmp_path_factory.mktemp("viewed")
    return await viewed_march(folder)


@pytest.fixture
async def costs(viewed: ViewedProduct) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API over that product, which signs in as nobody yet."""
    async with client_of(costs_api(viewed)) as client:
        yield client
