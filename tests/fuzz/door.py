"""Events at the door: what is accepted goes through settlement, posting, audit, explaining, publishing and replay, and
what an emitter puts where nothing belongs is found in no store and no log."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from chargeback.adapters.azure.log_analytics import LogAnalytics
from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.admission import MAX_COUNT
from chargeback.domain.events.descriptions import FORMS
from chargeback.domain.events.emitters import EVENT_GRID, OURSELVES, Emitter
from chargeback.domain.events.usage_event import split_batch
from chargeback.domain.usage.meters import Meter
from chargeback.services.explaining.trace_events import trace_events
from chargeback.services.usage.replay import replay_quarantine
from chargeback.services.usage.settle import Settler
from tests.fuzz.mutations import damaged, mutated
from tests.support.builders import DAY, NOW, cloud_event, tokens
from tests.support.catalogues import catalogue
from tests.support.product_in_memory import ProductInMemory, in_memory
from tests.support.published_product import PublishedProduct
from tests.support.waiting import all_pending

SECRET = "eyJhbGciOiJIUzI1NiJ9 what did she say"
BESIDE = Emitter("beside", ("/beside",), ("search",), max_age=timedelta(days=7), gateways=("/apim/gw/swedencentral",))
EMITTERS = (EVENT_GRID, OURSELVES, BESIDE)
_PICTURES = {"images": 2, "size": "1024x1024", "quality": "hd"}
_ANTHROPIC = {
    "input_tokens": 9,
    "output_tokens": 3,
    "cache_read_input_tokens": 4,
    "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1},
    "cache_creation_input_tokens": 3,
}
SHAPES: list[dict[str, Any]] = [
    {},
    {"type": "pending", "stream": True, "attempts": 2, "triedBackends": ["a", "b"]},
    {"type": "settled", "usage": tokens(7, 3, cached=2, reasoning=1), "usageSource": "gateway-log"},
    {"type": "settled", "method": "GET", "operation": "responses", "responseId": "r", "usage": tokens(7, 3)},
    {"type": "pending", "operation": "responses", "responseId": "r", "stream": False},
    {"type": "rejected", "statusCode": 429, "errorCode": "budget"},
    {"operation": "images.generations", "quantities": _PICTURES},
    {"operation": "audio.transcriptions", "usage": {"type": "duration", "seconds": 8.2}},
    {"usage": _ANTHROPIC, "provider": "anthropic"},
    {"usage": tokens(7, 3) | {"web_searches": 2}},
    {"source": "/beside/1", "gatewayEventId": "call-3", "gatewayRegion": "swedencentral"},
]
TIMES = (f"{DAY}T00:00:01Z", f"{DAY}T09:26:53.589Z", "2026-03-19T23:59:60Z", "2026-03-20t01:00:00+05:30")


def attempt(random: Random) -> None:
    """One batch that somebody sends, and everything that is done with it."""
    asyncio.run(_attempt(random))


async def _attempt(random: Random) -> None:
    of = in_memory(catalogue())
    emitter = random.choice(EMITTERS)
    with _logged() as lines:
        sound = json.dumps(_event(random, emitter, len(SHAPES))).encode()
        events = [_hostile(random, emitter, number) for number in range(5)]
        outcome = await of.ingest.ingest(_sent([*events, sound]), NOW, emitter=emitter)
        again = await of.ingest.ingest([sound], NOW, emitter=emitter)
        await _settle(of)
        await replay_quarantine(of.quarantine, of.ingest, NOW + timedelta(minutes=1), [BESIDE])
        await _books(of)
        if random.random() < 0.05:
            await PublishedProduct(of).publish()

    assert outcome.accepted + outcome.duplicate >= 1, "the sound event was refused for the others"
    assert again.accepted == 0
    _no_secret("the ledger", of.ledger.events)
    _no_secret("quarantine", [await of.quarantine.get(batch) for batch in await of.quarantine.batches()])
    _no_secret("Redis", of.counter.days)
    _no_secret("the books", of.books.days)
    _no_secret("the log", lines)


def _event(random: Random, emitter: Emitter, number: int) -> dict[str, Any]:
    shape = {"source": "/beside/2"} if emitter is BESIDE else {}
    shape |= random.choice(SHAPES) if number < len(SHAPES) else {}
    if emitter is not BESIDE:
        shape.pop("source", None)
    return cloud_event(**{"id": f"call-{number}", "time": random.choice(TIMES)} | shape)


def _hostile(random: Random, emitter: Emitter, number: int) -> bytes:
    """An event with something wrong in it: a value, a place, its bytes, or a secret where no text belongs."""
    event = _event(random, emitter, number)
    if random.random() < 0.5:
        _plant(random, event)
    if random.random() < 0.8:
        event = mutated(event, random)
    raw = json.dumps(event, ensure_ascii=random.random() < 0.7).encode("utf-8", "surrogatepass")
    return damaged(raw, random) if random.random() < 0.3 else raw


def _plant(random: Random, event: dict[str, Any]) -> None:
    data = event["data"]
    usage = data.setdefault("usage", {}) if isinstance(data.get("usage", {}), dict) else {}
    place, name = random.choice(
        [
            (event, "authorization"),
            (event, "subject"),
            (event, "type"),
            (event, "time"),
            (event, "specversion"),
            (data, "prompt"),
            (data, "messages"),
            (data, "attempts"),
            (data, "statusCode"),
            (data, "stream"),
            (data, "triedBackends"),
            *((data, name) for name in FORMS),
            (usage, "prompt_tokens"),
            (usage, "type"),
            (usage, "note"),
            (usage, "prompt_tokens_details"),
        ]
    )
    value: Any = SECRET
    if name == "triedBackends":
        value = ["oai-a.openai.azure.com", SECRET]
    if name == "time":
        value = f"{DAY}T09:26:53.{'5' * 60}Z"
    if place in (data, usage) and random.random() < 0.3:
        value = random.choice([{SECRET: 5}, [{"content": SECRET}], {"deep": {SECRET: SECRET}}])
    place[name] = value


def _sent(events: list[bytes]) -> list[bytes]:
    """The events as the door splits them from one body, where that is possible."""
    try:
        return split_batch(b"[" + b",".join(events) + b"]", most=len(events))
    except InvalidEvent:
        return events


class _Counts(LogAnalytics):
    """The gateway's log with counts for every call."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__(None, "workspace")  # type: ignore[arg-type]
        self._ids = ids

    async def _ask(self, query: str, since: datetime, until: datetime) -> list[Any]:
        time = max(since, NOW - timedelta(hours=3))
        return [
            {
                "CorrelationId": each,
                "PromptTokens": 10,
                "CompletionTokens": 5,
                "TotalTokens": 15,
                "DeploymentName": "gpt-4o",
                "ModelName": "gpt-4o",
                "IsStreamCompletion": 1,
                "Region": "Sweden Central",
                "ServiceName": "gw",
                "Started": time,
                "Arrived": time,
            }
            for each in (self._ids if "TotalTokens" in query else [])
        ]


async def _settle(of: ProductInMemory) -> None:
    pending = [
        msgspec.json.decode(raw)["id"] for day in list(of.counter.days) for raw in await all_pending(of.counter, day)
    ]
    settler = Settler(_Counts(pending), of.counter, of.ledger, of.books, of.ingest, of.control, of.catalogues)
    done = await settler.settle(NOW)
    assert done.set_aside == 0, "a pending call was accepted that cannot be settled"


async def _books(of: ProductInMemory) -> None:
    """Post and audit every day, twice; the second time nothing differs, and every quantity is one that can be."""
    await of.poster.post(NOW)
    for number in range(2):
        for day in await of.ledger.days():
            audited = await of.auditor.audit_day(day, NOW + timedelta(days=1))
            assert audited.unreadable == 0, f"{audited.unreadable} accepted events cannot be read again"
            assert number == 0 or audited.drift_lines == 0, "an audit differs from the one before"
    for day, records in of.books.days.items():
        for record in records.values():
            for charge in record.charges:
                assert 0 < charge.quantity <= 20 * MAX_COUNT
                assert charge.meter is not Meter.UNKNOWN or charge.state == "unpriced"
            traced = await trace_events(
                of.ledger, day, record.line, range(24), Meter.REQUESTS, limit=5, named=frozenset()
            )
            assert traced.quantity == sum(each.quantity for each in record.charges if each.meter is Meter.REQUESTS)


@contextmanager
def _logged() -> Iterator[list[str]]:
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("chargeback"), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _no_secret(place: str, content: object) -> None:
    assert "eyJhbGci" not in repr(content), f"a secret is in {place}"
    assert "did she say" not in repr(content), f"a prompt is in {place}"
