"""Budgets on Redis and Cosmos DB: after a posting they stand as the calls say, and never below before it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from chargeback.bootstrap import Container
from stack.clear import clear_cosmos, clear_redis
from stack.stack import Stack
from tests.support.limited_product import LimitedProduct, histories, live


@pytest.mark.servers
@pytest.mark.anyio
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(["flush", "price", "budgets", "settle"], 10))
async def test_budgets_stand_as_the_calls_say_on_redis_and_cosmos(
    stack: Stack, container: Container, actions: Sequence[Any]
) -> None:
    clear_redis(stack.url("redis"))
    clear_cosmos(stack.site)

    await live(LimitedProduct(container.counter, container.books, "UTC", datetime.now(UTC)), actions)
