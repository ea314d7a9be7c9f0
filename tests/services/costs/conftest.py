import asyncio
from collections.abc import Iterator

import pytest

from tests.support.closing_product import ClosingProduct
from tests.support.cost_views import ViewedProduct
from tests.support.many_dimensions import APRIL_20, three_months


@pytest.fixture(scope="package")
def months(tmp_path_factory: pytest.TempPathFactory) -> ClosingProduct:
    """February and March are closed, and April is open; their views are made. Nobody changes it."""

    async def make() -> ClosingProduct:
        product = await three_months(tmp_path_factory.mktemp("months"))
        await ViewedProduct(product).keeper.refresh(APRIL_20)
        return product

    return asyncio.run(make())


@pytest.fixture
def viewed(months: ClosingProduct) -> Iterator[ViewedProduct]:
    """The same with a reader of its own."""
    viewed = ViewedProduct(months)
    yield viewed
    viewed.reader.close()
