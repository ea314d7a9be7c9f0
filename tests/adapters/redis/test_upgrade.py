"""An upgrade in the middle of a day: old and new instances side by side, on what the old one stored, change nothing."""

import itertools
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
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
from chargeback.adapters.redis.connection import connect
from chargeback.adapters.redis.counter import RedisCounter
from chargeback.domain.events.usage_event import EVER, Phase, UsageEvent, read_event
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.streams.gateway_log import LoggedTokens
from chargeback.domain.time.days import UtcDay
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
OLD_SCRIPT = (Path(__file__).parent / "count-in-one-hash.lua").read_text()


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
    """Counts as an earlier version did: its script, its keys, and the event itself among the pending ones."""

    def _key(self, day: UtcDay, part: str) -> str:
        return f"chargeback:{{{day}}}:{part}"

    async def count(self, day: UtcDay, events: Sequence[UsageEvent], estimate: EstimateSpend) -> Sequence[bool]:
        script: Any = self._client.register_script(OLD_SCRIPT)
        answer = await script(
            keys=self._keys(day, "meta", "seen", "lines", "dirty", "spend", "pending"),
            args=[
                packed(list(map(estimate, events))),
                secrets.token_hex(8),
                redis_counter._expiry(day),
                self._key(day, "line:"),
            ],
        )
        return [flag == 0x31 for flag in answer]

    async def epoch(self, day: UtcDay) -> str | None:
        value = await self._client.hget(self._key(day, "meta"), "epoch")
        return value.decode() if value else None

    async def begin(self, day: UtcDay) -> str:
        await self.count(day, [], lambda event: EstimatedEvent(event, (), 0))
        return await self.epoch(day) or ""


def call(number: int, **fields: Any) -> bytes:
    return usage_event(id=f"call-{number}", time=MIDNIGHT, username=f"user-{number % 2}", **fields)


RECORDED = [call(number, usage=tokens(100 + number, 10)) for number in range(4)]
STREAMS = [call(number, type="pending", stream=True, note="a field that nobody knows") for number in range(4, 8)]
EVENTS = [*RECORDED, *STREAMS, RECORDED[0], RECORDED[3], STREAMS[1]]
SUMS = {"input_tokens": 406 + 4 * 30, "output_tokens": 40 + 4 * 5, "requests": 8}


class Upgrade:
    """Two instances of the product, one of them of an earlier version, over the same stores."""

    def __init__(self, redis_url: str) -> None:
        clear_redis(redis_url)
        self.old, self.new = OldCounter(connect(redis_url)), RedisCounter(connect(redis_url))
        self.ledger, self.books, self.control, self.log = (
            MemoryLedger(),
            MemoryBooks(),
            MemoryControl(),
            MemoryGatewayLog(),
        )
        self.catalogues = MemoryCatalogues(catalogue())
        self.old_poster = Poster(self.ledger, self.old, self.books, self.control, self.catalogues)
        self.poster = Poster(self.ledger, self.new, self.books, self.control, self.catalogues)
        estimator = EffectiveSpendEstimator(self.catalogues, catalogue())
        self.door = Ingest(self.ledger, self.new, MemoryQuarantine(), estimator)
        self.auditor = Auditor(self.ledger, self.new, self.books, self.control, self.catalogues, self.poster)

    async def take_as_before(self, raw: bytes) -> None:
        """Take an event as the earlier version did."""
        await self.ledger.append(DAY, [raw])
        event = read_event(raw, EVER)._replace(raw=raw)
        await self.old.count(DAY, [event], lambda each: EstimatedEvent(each, (), 0))

    def sums(self) -> Counter[str]:
        """The quantities in the books."""
        sums: Counter[str] = Counter()
        for record in self.books.days[DAY].values():
            for quantities in record.hours.values():
                for meter, quantity in quantities.items():
                    sums[meter.value] += quantity
        return sums


@pytest.fixture
async def upgrade(redis_url: str) -> AsyncIterator[Upgrade]:
    instances = Upgrade(redis_url)
    yield instances
    await instances.old.close()
    await instances.new.close()


@pytest.mark.servers
@pytest.mark.parametrize("order", range(6))
async def test_old_and_new_instances_side_by_side_count_every_call_once(upgrade: Upgrade, order: int) -> None:
    instances = list(itertools.permutations(["old", "new", "old"]))[order]
    for number, raw in enumerate(EVENTS):
        if instances[number % 3] == "old":
            await upgrade.take_as_before(raw)
        else:
            await upgrade.door.ingest([raw], NOW)
        if number % 3 == 2:
            await upgrade.poster.post(NOW)
        if number % 4 == 3:
            await upgrade.old_poster.post(NOW)
    for number in range(4, 8):
        used = (30, 5, 35)
        at = datetime.fromisoformat(MIDNIGHT)
        count = LoggedTokens(f"call-{number}", "/apim/gw/swedencentral", at, "gpt-4o", "", *used, True, at)
        upgrade.log.counts.append((at, count))

    settler = Settler(
        upgrade.log, upgrade.new, upgrade.ledger, upgrade.books, upgrade.door, upgrade.control, upgrade.catalogues
    )
    await upgrade.poster.post(NOW)
    settled = await settler.settle(NOW)
    await upgrade.poster.post(NOW)
    audited = await upgrade.auditor.audit_day(DAY, NOW)

    assert (settled.settled, settled.set_aside) == (4, 0)
    assert upgrade.sums() == SUMS
    assert (audited.calls, audited.drift_lines) == (8, 0)


@pytest.mark.servers
@pytest.mark.parametrize("left", ["posted", "not posted"])
async def test_a_day_that_an_earlier_version_left_in_redis_is_counted_again_from_the_ledger(
    upgrade: Upgrade, left: str
) -> None:
    for raw in EVENTS:
        await upgrade.take_as_before(raw)
    if left == "posted":
        await upgrade.old_poster.post(NOW)
    known = [read_event(raw, EVER).call for raw in EVENTS]
    unknown = await upgrade.new.accounted_for(DAY, known)

    again = await upgrade.door.ingest([EVENTS[0]], NOW)  # before the day is counted again
    (posted,) = await upgrade.poster.post(NOW)
    repeated = await upgrade.door.ingest(EVENTS, NOW)
    await upgrade.poster.post(NOW)

    assert unknown is None
    assert (again.accepted, repeated.accepted) == (1, 0)
    assert posted.replayed == 8
    assert await upgrade.new.accounted_for(DAY, known) == [True] * len(known)
    assert upgrade.sums() == {"input_tokens": 406, "output_tokens": 40, "requests": 8}
    assert (await upgrade.auditor.audit_day(DAY, NOW)).drift_lines == 0


@pytest.mark.servers
async def test_what_an_instance_of_an_earlier_version_still_counts_is_in_the_books_after_the_next_posting(
    upgrade: Upgrade,
) -> None:
    await upgrade.door.ingest(RECORDED[:2], NOW)
    await upgrade.poster.post(NOW)
    await upgrade.take_as_before(RECORDED[1])
    await upgrade.take_as_before(RECORDED[2])

    (posted,) = await upgrade.poster.post(NOW)
    untouched = await upgrade.poster.post(NOW)

    assert posted.replayed == 3
    assert untouched == []
    assert upgrade.sums() == {"input_tokens": 303, "output_tokens": 30, "requests": 3}


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
