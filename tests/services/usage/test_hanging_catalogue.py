"""A store that hangs is a store that is away: ingest counts with the catalogue that it knows, and tells its senders."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryLedger, MemoryQuarantine
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.events.emitters import EVENT_GRID
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.services.usage import ingest
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from tests.support.builders import DAY, usage_event
from tests.support.catalogues import catalogue

pytestmark = pytest.mark.anyio

NOW = datetime.fromisoformat(f"{DAY}T12:00:00").replace(tzinfo=UTC)


class Hanging(MemoryCatalogues):
    """Never answers while `hangs`; counts how often it was asked."""

    hangs = True
    asked = 0

    async def in_force(self) -> EffectiveCatalogues:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        return await super().in_force()


async def test_events_are_counted_with_the_known_catalogue_and_the_hang_is_waited_for_once() -> None:
    catalogues, counter = Hanging(catalogue()), MemoryCounter()
    estimator = EffectiveSpendEstimator(catalogues, catalogue(), wait=0.05)
    door = Ingest(MemoryLedger(), counter, MemoryQuarantine(), estimator)

    async with asyncio.timeout(5):
        batches = await asyncio.gather(*(door.ingest([usage_event(id=f"call-{n}")], NOW) for n in range(50)))

    assert sum(batch.accepted for batch in batches) == 50
    assert catalogues.asked == 1
    changed = await counter.changed_lines(DAY)
    assert changed is not None
    assert len(changed.lines) == 1


async def test_the_catalogue_is_asked_again_after_a_while() -> None:
    catalogues = Hanging(catalogue())
    estimator = EffectiveSpendEstimator(catalogues, catalogue(), wait=0.2, again=0.02)
    before = await estimator.current()

    catalogues.hangs = False
    await asyncio.sleep(0.03)

    assert await estimator.current() is not before
    assert catalogues.asked == 2


async def test_a_sender_who_waits_is_told_in_time_of_a_ledger_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    class HangingLedger(MemoryLedger):
        async def append(self, day: str, events: Sequence[bytes]) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(ingest, "IN_TIME_SECONDS", 0.05)
    estimator = EffectiveSpendEstimator(MemoryCatalogues(catalogue()), catalogue())
    door = Ingest(HangingLedger(), MemoryCounter(), MemoryQuarantine(), estimator)

    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable, match="does not answer within"):
            await door.ingest_in_time([usage_event()], NOW, emitter=EVENT_GRID)
