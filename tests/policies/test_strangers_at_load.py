"""Thousands of strangers change nothing: no event, no line, and not one call of a store more for posting and audit.

The short form runs with the suite; the long one:
STRANGERS=2000 python -m pytest tests/policies/test_strangers_at_load.py
"""

import asyncio
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryQuarantine,
)
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.post import Poster
from tests.policies.conftest import MakeRegion
from tests.policies.one_region import OneRegion
from tests.support.catalogues import catalogue

pytestmark = pytest.mark.parametrize("reading", ["plain"], indirect=True)

STRANGERS = int(os.environ.get("STRANGERS", "50"))
"""How many of each kind."""


class Counted:
    """A store that counts how often each of its methods is called."""

    def __init__(self, store: Any, calls: Counter[str]) -> None:
        self._store, self._calls = store, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if callable(found):
            self._calls[f"{type(self._store).__name__}.{name}"] += 1
        return found


def store_calls_of(events: list[dict[str, Any]]) -> tuple[Counter[str], int]:
    """How often the stores are called to ingest, post and audit these events, and how many lines they make."""

    async def work() -> tuple[Counter[str], int]:
        calls: Counter[str] = Counter()
        known = MemoryCounter()
        ledger, counter = Counted(MemoryLedger(), calls), Counted(known, calls)
        books, control = Counted(MemoryBooks(), calls), Counted(MemoryControl(), calls)
        catalogues = MemoryCatalogues(catalogue())
        now = datetime.now(UTC)
        door = Ingest(ledger, counter, MemoryQuarantine(), EffectiveSpendEstimator(catalogues, catalogue()))
        for event in events:
            await door.ingest([json.dumps(event).encode()], now)
        poster = Poster(ledger, counter, books, control, catalogues)
        await poster.post(now)
        await Auditor(ledger, counter, books, control, catalogues, poster).audit(now + timedelta(days=2))
        return calls, sum(len(day.lines) for day in known.days.values())

    return asyncio.run(work())


def knock(one_region: OneRegion, headers: dict[str, str]) -> Counter[int]:
    """Calls of strangers, each with names of its own; by the status that they got."""

    async def one(client: httpx.AsyncClient, number: int) -> int:
        path = f"/deployments/made-up-{number}/chat/completions"
        tags = {"api-version": "2024-10-21", "username": f"anon-{number}", "billingCode": f"B-{number}"}
        return (await client.post(path, params=tags, json={"messages": []}, headers=headers)).status_code

    async def together(numbers: range) -> list[int]:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=one_region.url, timeout=120, trust_env=False, limits=limits) as client:
            return await asyncio.gather(*(one(client, number) for number in numbers))

    some = [range(first, min(first + 200, STRANGERS)) for first in range(0, STRANGERS, 200)]
    return sum((Counter(one_region.run(together(numbers))) for numbers in some), Counter())


def test_strangers_change_neither_the_books_nor_the_work_of_keeping_them(make_region: MakeRegion) -> None:
    one_region = make_region()
    one_region.chat()
    alone = store_calls_of(one_region.events())

    told = [knock(one_region, {}), knock(one_region, {"api-key": "wrong"})]

    events = one_region.events()
    assert told == [{401: STRANGERS}, {401: STRANGERS}]
    assert [event["data"]["subscriptionId"] for event in events] == ["search"]
    assert store_calls_of(events) == alone
    assert alone[1] == 1
    assert len(one_region.seen) == 1
