"""An upgrade in the middle of a day: old and new instances side by side, on what the old one stored, change nothing."""

import itertools
import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.gateway_log import MemoryGatewayLog
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryQuarantine,
)
from chargeback.adapters.redis import counter as redis_counter
from chargeback.adapters.redis.counter import RedisCounter, connect
from chargeback.domain.events.usage_event import EVER, Phase, UsageEvent, read_event
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.streams.gateway_log import LoggedTokens
from chargeback.domain.usage.lines import line_id, to_json
from chargeback.services.ports.counter import EstimatedEvent, EstimateSpend
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.post import Poster
from chargeback.services.usage.settle import Settler
from stack.clear import clear_redis
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import catalogue
from tests.support.control_documents import put_document

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
DAY = NOW.date().isoformat()  # Redis keeps only days that are open
MIDNIGHT = f"{DAY}T00:00:00Z"
OLD_SCRIPT = (Path(__file__).parent / "count-before-the-ledger-had-times.lua").read_text()


def packed(events: Sequence[EstimatedEvent]) -> bytes:
    """The batch of the old script."""
    lines = [(line_id(each.event.line), to_json(each.event.line), each.scopes) for each in events]
    entries = []
    for number, (event, _, picodollars, *_) in enumerate(events, 1):
        raw = event.raw.decode() if event.phase is Phase.PENDING else ""
        fields = [
            part for meter, quantity in event.quantities.items() for part in (f"{event.hour:02}:{meter}", quantity)
        ]
        entries.append([event.call, event.phase, number, picodollars, raw, *fields])
    return msgspec.msgpack.encode((lines, entries))


class OldCounter(RedisCounter):
    """Counts as the version before did: its script, and the event itself among the pending ones."""

    async def count(self, day: str, events: Sequence[UsageEvent], estimate: EstimateSpend) -> Sequence[bool]:
        script: Any = self._client.register_script(OLD_SCRIPT)
        answer = await script(
            keys=redis_counter._keys(day, "meta", "seen", "lines", "dirty", "spend", "pending"),
            args=[
                packed(list(map(estimate, events))),
                secrets.token_hex(8),
                redis_counter._expiry(day),
                redis_counter._key(day, "line:"),
            ],
        )
        return [flag == 0x31 for flag in answer]


def call(number: int, **fields: Any) -> bytes:
    return usage_event(id=f"call-{number}", time=MIDNIGHT, username=f"user-{number % 2}", **fields)


RECORDED = [call(number, usage=tokens(100 + number, 10)) for number in range(4)]
STREAMS = [call(number, type="pending", stream=True, note="a field that nobody knows") for number in range(4, 8)]
EVENTS = [*RECORDED, *STREAMS, RECORDED[0], RECORDED[3], STREAMS[1]]
SUMS = {"input_tokens": 406 + 4 * 30, "output_tokens": 40 + 4 * 5, "requests": 8}


@pytest.mark.servers
@pytest.mark.parametrize("order", range(6))
async def test_old_and_new_instances_side_by_side_count_every_call_once(redis_url: str, order: int) -> None:
    clear_redis(redis_url)
    old, new = OldCounter(connect(redis_url)), RedisCounter(connect(redis_url))
    ledger, books, control, log = MemoryLedger(), MemoryBooks(), MemoryControl(), MemoryGatewayLog()
    catalogues = MemoryCatalogues(catalogue())
    poster = Poster(ledger, new, books, control, catalogues)
    door = Ingest(ledger, new, MemoryQuarantine(), EffectiveSpendEstimator(catalogues, catalogue()))
    instances = list(itertools.permutations(["old", "new", "old"]))[order]
    for number, raw in enumerate(EVENTS):
        if instances[number % 3] == "old":
            event = read_event(raw, EVER)
            await ledger.append(DAY, [raw])
            await old.count(DAY, [event._replace(raw=raw)], lambda each: EstimatedEvent(each, (), 0))
        else:
            await door.ingest([raw], NOW)
        if number == 5:
            await poster.post(NOW)
    for number in range(4, 8):
        used = (30, 5, 35)
        at = datetime.fromisoformat(MIDNIGHT)
        count = LoggedTokens(f"call-{number}", "/apim/gw/swedencentral", at, "gpt-4o", "", *used, True, at)
        log.counts.append((at, count))

    settled = await Settler(log, new, ledger, books, door, control, catalogues).settle(NOW)
    await poster.post(NOW)
    audited = await Auditor(ledger, new, books, control, catalogues, poster).audit_day(DAY, NOW)
    await old.close()
    await new.close()

    sums: Counter[str] = Counter()
    for record in books.days[DAY].values():
        for quantities in record.hours.values():
            for meter, quantity in quantities.items():
                sums[meter.value] += quantity
    assert (settled.settled, settled.set_aside) == (4, 0)
    assert sums == SUMS
    assert (audited.calls, audited.drift_lines) == (8, 0)


async def test_documents_of_the_version_before_are_read() -> None:
    period = {
        "period": "2026-02",
        "state": "closed",
        "attempt": "a",
        "version": "v",
        "closedWith": "v",
        "isFiled": True,
    }
    summary = {"day": DAY, "total": {"cost": "0", "quantities": {}, "states": {}}, "costCentres": {}, "models": {}}
    audit = {"day": DAY, "events": 1, "calls": 1, "duplicates": 0, "unreadable": 0, "final": False, "at": MIDNIGHT}
    ledger, control, books = MemoryLedger(), MemoryControl(), MemoryBooks()
    counter, catalogues = MemoryCounter(), MemoryCatalogues(catalogue())
    await books.put_summary(DAY, summary, None)
    await put_document(control, "audit", DAY, audit)
    await ledger.append(DAY, [RECORDED[0]])
    poster = Poster(ledger, counter, books, control, catalogues)

    await poster.post(NOW)
    audited = await Auditor(ledger, counter, books, control, catalogues, poster).audit_day(DAY, NOW)

    known = msgspec.convert(period, BillingPeriod)
    assert (known.state, known.is_delivered, known.true_up) == (PeriodState.CLOSED, False, "")
    found = await books.summary(DAY)
    assert found is not None
    assert found[0]["total"]["quantities"]["requests"] == 1, "the earlier summary was not made again"
    assert (audited.calls, audited.drift_lines) == (1, 0)
