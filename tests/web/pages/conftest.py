"""Three months of books with the pages over them, for tests that only look."""

from typing import Any

import pytest

from tests.support.cost_views import ViewedProduct
from tests.support.costs_api import EVERYBODY, costs_api
from tests.support.many_dimensions import APRIL_20, three_months
from tests.support.pages import with_sessions


@pytest.fixture(scope="session")
async def three_months_seen(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> Any:
    """The container of February, March and April with their views."""
    product = await three_months(tmp_path_factory.mktemp("three-months"))
    viewed = ViewedProduct(product)
    await viewed.refresh(APRIL_20)
    parts = {"catalogues": product.catalogues, "reports": product.reports, "closed_reports": product.closed}
    return with_sessions(costs_api(viewed, **parts).state.container, *EVERYBODY)
