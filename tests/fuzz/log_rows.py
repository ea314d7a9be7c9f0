"""Rows of the gateway's log: settlement uses those that can be read, and sets every other one aside with its reason."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec

from chargeback.adapters.azure.log_analytics import LogAnalytics
from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryQuarantine,
)
from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.post import Poster
from chargeback.services.usage.settle import Settler
from tests.fuzz.mutations import HOSTILE
from tests.support.builders import usage_event
from tests.support.catalogues import catalogue

_NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
_EARLIER = _NOW - timedelta(hours=2)
_COUNT = {
    "CorrelationId": "call-0",
    "PromptTokens": 10,
    "CompletionTokens": 5,
    "TotalTokens": 15,
    "DeploymentName": "gpt-4o",
    "ModelName": "gpt-4o-2024-11-20",
    "IsStreamCompletion": 1,
    "Region": "Sweden Central",
    "ServiceName": "gw",
    "Started": _EARLIER,
    "Arrived": _EARLIER + timedelta(minutes=1),
}
_CALL = {
    "CorrelationId": "call-0",
    "TimeGenerated": _EARLIER,
    "Method": "POST",
    "Url": "https://gw.azure-api.net/openai/deployments/gpt-4o/chat/completions",
    "ResponseCode": 200,
    "TotalTime": 12,
    "BackendUrl": "https://oai-swedencentral.openai.azure.com/openai",
    "Region": "Sweden Central",
    "ApimSubscriptionId": "search",
    "ProductId": "standard",
    "UserId": "",
    "ServiceName": "gw",
    "Event": "",
}
_KEPT = {name: _CALL[name] for name in ("CorrelationId", "TimeGenerated", "Region", "ServiceName")} | dict.fromkeys(
    ("Type", "EventId", "EventSource", "EventTime", "ResponseId", "EventMethod"), ""
)


class _Rows(LogAnalytics):
    """The real reader over rows that no service sent."""

    def __init__(self, counts: list[dict[str, Any]], calls: list[dict[str, Any]], kept: list[dict[str, Any]]) -> None:
        super().__init__(None, "workspace")  # type: ignore[arg-type]
        self._found = {self._token_counts: counts, self._calls: calls, self._kept_events: kept, self._means: []}

    async def _ask(self, query: str, since: datetime, until: datetime) -> list[Any]:
        return self._found[query]

    async def _rows_of(self, query: str, since: datetime, until: datetime, ids: Sequence[str]) -> list[Any]:
        odd = [row for row in self._found[query] if row["CorrelationId"] in HOSTILE]
        return [*odd, *(row for row in self._found[query] if row["CorrelationId"] in ids)]


def attempt(random: Random) -> None:
    """Settle and post with rows of which some were changed."""
    asyncio.run(_attempt(random))


async def _attempt(random: Random) -> None:
    ledger, counter, control, quarantine = MemoryLedger(), MemoryCounter(), MemoryControl(), MemoryQuarantine()
    catalogues = MemoryCatalogues(catalogue())
    door = Ingest(ledger, counter, quarantine, EffectiveSpendEstimator(catalogues, catalogue()))
    pending = [usage_event(id=f"call-{n}", type="pending", time=_EARLIER.isoformat(), stream=True) for n in range(3)]
    await door.ingest(pending, _NOW)
    counts = [_COUNT | {"CorrelationId": f"call-{n}"} for n in range(6)]
    calls = [_CALL | {"CorrelationId": f"call-{n}"} for n in range(6)]
    kept = [_KEPT | {"CorrelationId": f"call-{n}", "EventId": f"call-{n}"} for n in range(6)]
    spared = random.randrange(3)
    for row in random.sample([*counts, *calls, *kept], 6):
        if row["CorrelationId"] != f"call-{spared}":
            row[random.choice(list(row))] = random.choice(HOSTILE)
    books = MemoryBooks()
    poster = Poster(ledger, counter, books, control, catalogues)
    await poster.post(_NOW)
    await Settler(_Rows(counts, calls, kept), counter, ledger, books, door, control, catalogues).settle(_NOW)
    await poster.post(_NOW)

    assert await quarantine.batches() == []
    events = [msgspec.json.decode(raw) for each in ledger.events.values() for raw in each]
    settled = {event["id"] for event in events}
    assert f"call-{spared}/settled" in settled, "one row kept another call from being settled"
    for day in counter.days.values():
        for _, hours in day.lines.values():
            for quantities in hours.values():
                assert all(0 <= quantity <= 10 * 10**10 for quantity in quantities.values())
                assert set(quantities) <= set(Meter)
