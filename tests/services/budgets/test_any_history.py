"""Whatever happens in whatever order: after a posting budgets stand as the calls say, and never below before it."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.stores import MemoryBooks
from tests.support.examples import few
from tests.support.limited_product import ACTIONS, LimitedProduct, histories, live


@settings(max_examples=few(15))
@given(histories(ACTIONS, 16))
def test_budgets_stand_as_the_calls_say_whatever_happens(actions: Sequence[Any]) -> None:
    asyncio.run(live(LimitedProduct(MemoryCounter(), MemoryBooks()), actions))
