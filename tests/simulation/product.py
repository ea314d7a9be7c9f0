"""The product over stores in memory or real ones, each service as its timer or the operator runs it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chargeback.adapters.memory.gateway_log import MemoryGatewayLog
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.stores import MemoryDeadLetters, MemoryQuarantine
from chargeback.domain.events.emitters import EVENT_GRID
from chargeback.services.closing.publish_drafts import Drafts
from chargeback.services.configuring.apply_config import apply_config
from chargeback.services.running.set_aside import SetAside
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.replay import replay_dead_letters, replay_quarantine
from chargeback.services.usage.settle import Settler
from tests.simulation.month import START, Month
from tests.simulation.operator import Operator
from tests.simulation.priced import FIRST, TERMS, Instances, TrueUpBill, instance, of_price
from tests.simulation.trouble import Troubled
from tests.support.closing_product import ClosingProduct

TIMERS = ("deliver", "replay", "settle", "post", "audit", "publish", "close")
"""In the order in which a day needs them; replaying is by hand, and as often as the others."""

COMMANDS = ("apply", "true-up", "correct")
SERVICES = (*TIMERS, *COMMANDS)


class SimulatedProduct:
    """One installation; any number of runs of its services may be under way at once."""

    def __init__(self, month: Month, stores: Mapping[str, Any] | None = None) -> None:
        """`stores`: by the names that `ClosingHouse` gives them, instead of those in memory."""
        given = stores or {}
        self.month = month
        self.in_memory = ClosingProduct(wrap=lambda name, store: Troubled(given.get(name, store)), over=Instances)
        in_memory = self.in_memory
        for_hub = "finops-hub/Costs/{}/chargeback/manifest.json"
        self.bill = TrueUpBill(in_memory.books, in_memory.closed, for_hub=for_hub, control=in_memory.control)
        self.hub = MemoryReports()
        in_memory.closer = replace(in_memory.closer, publish=self.bill, hub=Troubled(self.hub))
        self.log = MemoryGatewayLog()
        self.quarantine, self.letters = MemoryQuarantine(), MemoryDeadLetters()
        estimator = EffectiveSpendEstimator(in_memory.catalogues, of_price(FIRST))
        self.door = Ingest(in_memory.ledger, in_memory.counter, Troubled(self.quarantine), estimator)
        self.settler = Settler(
            self.log,
            in_memory.counter,
            in_memory.ledger,
            in_memory.books,
            self.door,
            in_memory.control,
            in_memory.catalogues,
        )
        self.set_aside = SetAside(in_memory.control)
        self.operator = Operator(in_memory, month.orders)
        self.undelivered: list[bytes] = []

    async def begin(self) -> None:
        """The installation, with a first configuration in force."""
        in_memory = self.in_memory
        first = of_price(FIRST), TERMS, {"price": FIRST}
        await apply_config(in_memory.control, in_memory.catalogues, *first, by="ann", now=START)

    def arrive(self, since: datetime, until: datetime) -> None:
        """What arrives in a span waits at the door, and rows of the log appear; nobody remembers what was in force."""
        self.in_memory.catalogues.forget()
        self.undelivered += self.month.delivered(since, until)
        for number, event in enumerate(self.month.given_up(since, until)):
            self.letters.blobs[f"{since:%Y%m%dT%H}-{number}.json"] = b"[%s]" % event
        self.log.counts = [
            (call.time, call.count) for call in self.month.calls if call.logged is not None and call.logged < until
        ]

    async def run(self, service: str, now: datetime, *, on: int = 0) -> None:
        """One run of a service, on one of the instances."""
        in_memory = self.in_memory
        runs: dict[str, Callable[[], Any]] = {
            "deliver": lambda: self._deliver(list(self.undelivered), now),
            "replay": lambda: self._replay(now),
            "settle": lambda: self.settler.settle(now),
            "post": lambda: in_memory.poster.post(now),
            "audit": lambda: in_memory.auditor.audit(now),
            "publish": lambda: Drafts(in_memory.closing_books, in_memory.closer).publish_open(now),
            "close": lambda: in_memory.closer.close_due(now),
        }
        token = instance.set(on)
        try:
            await (runs[service]() if service in runs else self.operator.run(service, now))
        finally:
            instance.reset(token)

    async def _deliver(self, events: Sequence[bytes], now: datetime) -> None:
        """As Event Grid does: what was not acknowledged comes again."""
        for start in range(0, len(events), 3):
            some = events[start : start + 3]
            await self.door.ingest(some, now, emitter=EVENT_GRID)
            for event in some:
                if event in self.undelivered:
                    self.undelivered.remove(event)

    async def _replay(self, now: datetime) -> None:
        """Dead letters first: what of them is unusable waits in quarantine."""
        await replay_dead_letters(Troubled(self.letters), self.door, now)
        await replay_quarantine(Troubled(self.quarantine), self.door, now)
