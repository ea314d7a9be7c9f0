"""The product over stores in memory or real ones, each service as its timer runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from chargeback.adapters.memory import MemoryGatewayLog, MemoryQuarantine, MemoryReports
from chargeback.domain.terms import ClosingRules, Terms
from chargeback.services.closing.publish_drafts import Drafts
from chargeback.services.set_aside import SetAside
from chargeback.services.usage.ingest import Ingest, WeightsInForce
from chargeback.services.usage.settle import Settler
from tests.services.closing import ClosingHouse, priced
from tests.simulation.month import Month
from tests.simulation.trouble import Troubled

SERVICES = ("deliver", "settle", "post", "audit", "publish", "close")
"""In the order in which a day needs them."""

TERMS = Terms(closing=ClosingRules(unpriced_percent=Decimal(100), unsettled_percent=Decimal(100)))


class World:
    """One installation; any number of runs of its services may be under way at once."""

    def __init__(self, month: Month, stores: Mapping[str, Any] | None = None) -> None:
        """`stores`: by the names that `ClosingHouse` gives them, instead of those in memory."""
        given = stores or {}
        self.month = month
        self.house = ClosingHouse(priced("2.5"), TERMS, wrap=lambda name, store: Troubled(given.get(name, store)))
        bill = replace(self.house.bill, for_hub="finops-hub/Costs/{}/chargeback/manifest.json")
        self.hub = MemoryReports()
        self.house.closer = replace(self.house.closer, publish=bill, hub=Troubled(self.hub))
        self.log = MemoryGatewayLog()
        self.quarantine = MemoryQuarantine()
        weights = WeightsInForce(self.house.catalogues, self.house.catalogues.now)
        self.door = Ingest(self.house.ledger, self.house.counter, Troubled(self.quarantine), weights)
        self.settler = Settler(self.log, self.house.counter, self.house.ledger, self.door, self.house.control)
        self.set_aside = SetAside(self.house.control)
        self.undelivered: list[bytes] = []

    def arrive(self, since: datetime, until: datetime) -> None:
        """Events that arrive in a span wait at the door, and rows of the log appear."""
        self.undelivered += self.month.delivered(since, until)
        self.log.counts = [
            (call.time, call.count) for call in self.month.calls if call.logged is not None and call.logged < until
        ]

    async def run(self, service: str, now: datetime) -> None:
        """One run of a service."""
        house = self.house
        match service:
            case "deliver":
                await self._deliver(list(self.undelivered), now)
            case "settle":
                await self.settler.settle(now)
            case "post":
                await house.poster.post(now)
            case "audit":
                await house.auditor.audit(now)
            case "publish":
                await Drafts(house.closer).publish_open(now)
            case "close":
                await house.closer.close_due(now)

    async def _deliver(self, events: Sequence[bytes], now: datetime) -> None:
        """As Event Grid does: what was not acknowledged comes again."""
        for start in range(0, len(events), 3):
            some = events[start : start + 3]
            await self.door.ingest(some, now)
            for event in some:
                if event in self.undelivered:
                    self.undelivered.remove(event)
