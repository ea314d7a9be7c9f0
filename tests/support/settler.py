"""The settler over stores in memory, and what it finds: events of calls, rows of the gateway's log."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.gateway_log import MemoryGatewayLog
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryQuarantine,
)
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.streams.gateway_log import LoggedCall, LoggedTokens
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.post import Poster
from chargeback.services.usage.settle import Settlement, Settler
from tests.support.catalogues import catalogue

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=2)
SOURCE = "/apim/gw/swedencentral"


class Books:
    """The settler with everything in memory."""

    def __init__(self, of: Catalogue | None = None, **times: timedelta) -> None:
        self.ledger, self.counter, self.quarantine = MemoryLedger(), MemoryCounter(), MemoryQuarantine()
        self.log = MemoryGatewayLog()
        self.catalogues = MemoryCatalogues(of or catalogue())
        self.control, self.books = MemoryControl(), MemoryBooks()
        self._open(**times)

    def _open(self, **times: timedelta) -> None:
        estimator = EffectiveSpendEstimator(self.catalogues, self.catalogues.catalogue)
        self.door = Ingest(self.ledger, self.counter, self.quarantine, estimator)
        self.poster = Poster(self.ledger, self.counter, self.books, self.control, self.catalogues)
        self.settler = self.settler_with(**times)

    def keep_waiting(self, most: int) -> None:
        """Have a counter that keeps no more calls of a caller that wait."""
        self.counter = MemoryCounter(most_waiting_of_one=most)
        self._open()

    def settler_with(self, **times: timedelta) -> Settler:
        """A settler with other times than the usual ones."""
        stores = (self.counter, self.ledger, self.books, self.door, self.control, self.catalogues)
        return Settler(self.log, *stores, **times)

    def ingest(self, *events: dict[str, Any], now: datetime = NOW) -> None:
        """Take events."""
        asyncio.run(self.door.ingest([json.dumps(event).encode() for event in events], now))

    def post(self, now: datetime = NOW) -> None:
        """What is counted goes into the books."""
        asyncio.run(self.poster.post(now))

    def settle(self, now: datetime = NOW, **asked: Any) -> Settlement:
        """One run, some minutes after one of posting."""
        self.post(now)
        return asyncio.run(self.settler.settle(now, **asked))

    def counted(self, day: str = "2026-03-14") -> dict[tuple[str, str], dict[Meter, int]]:
        """(deployment, state) → totals of the day."""
        totals: dict[tuple[str, str], dict[Meter, int]] = {}
        lines: list[tuple[Line, dict[int, dict[Meter, int]]]] = list(self.counter.days[day].lines.values())
        for line, hours in lines:
            for quantities in hours.values():
                for meter, quantity in quantities.items():
                    if quantity:
                        of_line = totals.setdefault((line.deployment, line.state), {})
                        of_line[meter] = of_line.get(meter, 0) + quantity
        return totals

    def events(self, day: str = "2026-03-14") -> list[dict[str, Any]]:
        """What the ledger holds of the day."""
        return [json.loads(raw) for raw in self.ledger.events.get(day, [])]


def pending(name: str = "call-1", time: datetime = EARLIER, **data: Any) -> dict[str, Any]:
    """The event of a streamed call."""
    return {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": "chargeback.usage.pending.v1",
        "time": time.isoformat().replace("+00:00", "Z"),
        "data": {
            "operation": "chat.completions",
            "method": "POST",
            "deployment": "gpt-4o",
            "backend": "oai-swedencentral.openai.azure.com",
            "subscriptionId": "search",
            "statusCode": 200,
            "stream": True,
            **data,
        },
    }


def tokens(name: str = "call-1", **fields: Any) -> LoggedTokens:
    """A count of the log, complete since long ago."""
    base = LoggedTokens(name, SOURCE, EARLIER, "gpt-4o", "gpt-4o-2024-11-20", 10, 5, 15, True, EARLIER)
    return replace(base, **fields)


def logged(name: str = "call-1", **fields: Any) -> LoggedCall:
    """The gateway's own row of a call."""
    base = LoggedCall(
        correlation_id=name,
        source=SOURCE,
        time=EARLIER,
        region="swedencentral",
        method="POST",
        url="https://gw.azure-api.net/openai/deployments/gpt-4o/chat/completions",
        status=200,
        duration_ms=900,
        backend="oai-swedencentral.openai.azure.com",
        subscription_id="search",
        product_id="standard",
        user_id="",
    )
    return replace(base, **fields)
