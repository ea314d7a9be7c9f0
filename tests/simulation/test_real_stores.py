"""The shorter form over the real stores.

A refusal or a lost answer of Cosmos DB at a write of each service, as HTTP has it; a kill, a failure or a lost answer
at a call of Redis, Blob storage and Cosmos DB.
"""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.errors import ChargebackError
from stack.clear import clear_stores
from stack.provision import call
from stack.stack import Stack
from tests.simulation.trouble import Killed, Run, Troubled, troubled
from tests.support.builders import tokens, usage_event

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

NOW = datetime.now(UTC)
DAY = NOW.date().isoformat()  # Redis keeps only days that are open
SEED = 13
WRITES = 9
"""So many writes of Cosmos DB the services below make at least."""

CALLS = {"ledger": 6, "counter": 8, "books": 8}
"""So many calls of each store the services below make at least."""

FAULTS: dict[str, dict[str, Any]] = {
    "too large": {"status": 413},
    "throttled": {"status": 429, "retryAfterMs": 10},
    "to be retried": {"status": 449},
    "precondition failed": {"status": 412},
    "unavailable": {"status": 503},
    "answer lost": {"afterCommit": True},
}
EVENTS = [
    usage_event(id=f"real-{number}", time=f"{DAY}T00:00:00Z", usage=tokens(100 + number, 7), username=f"user-{number}")
    for number in range(5)
]


async def run_services(container: Container) -> None:
    """Each service once; one that fails is made up for by its next run."""
    services = (
        lambda: container.ingest.ingest(EVENTS, NOW),
        lambda: container.poster.post(NOW),
        lambda: container.auditor.audit_day(DAY, NOW),
    )
    for service in services:
        with suppress(ChargebackError, Killed):
            await service()


async def booked(container: Container) -> Counter[str]:
    sums: Counter[str] = Counter()
    async for page in container.books.records(DAY):
        for record in page:
            for quantities in record.hours.values():
                for meter, quantity in quantities.items():
                    sums[meter.value] += quantity
    return sums


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("run", range(2))
async def test_a_fault_at_a_write_ends_in_the_same_books(
    stack: Stack, container: Container, fault: str, run: int
) -> None:
    clear_stores(stack)
    spared = Random(f"{SEED} {fault} {run}").randrange(WRITES)
    faults = f"{stack.url('cosmos')}/_faults"
    if spared:
        call(stack.site, "POST", faults, body={"delayMs": 1, "count": spared, "on": "write"})
    call(stack.site, "POST", faults, body={**FAULTS[fault], "on": "write"})

    await run_services(container)
    waiting = call(stack.site, "GET", faults)
    call(stack.site, "DELETE", faults)
    await run_services(container)
    await container.poster.post(NOW)

    assert waiting == b"[]", "the services made fewer writes, and met no fault"
    await check(container)


def with_troubled(container: Container, store: str) -> Container:
    """The same product over the same servers, one of whose stores may fail or see its caller die."""
    other = Container(container.settings)
    for name in ("blobs", "cosmos", "ledger", "counter", "books", "control", "quarantine"):
        other.__dict__[name] = getattr(container, name)
    other.__dict__[store] = Troubled(getattr(container, store))
    return other


@pytest.mark.parametrize("kind", ["killed before", "killed after", "unavailable", "answer lost"])
@pytest.mark.parametrize("store", CALLS)
async def test_a_kill_or_a_fault_at_a_call_ends_in_the_same_books(
    stack: Stack, container: Container, store: str, kind: str
) -> None:
    clear_stores(stack)
    run = Run(at=Random(f"{SEED} {store} {kind}").randrange(CALLS[store]), kind=kind)

    async with troubled(run):
        await run_services(with_troubled(container, store))
    await run_services(container)
    await container.poster.post(NOW)

    assert run.calls > (run.at or 0), "the services made fewer calls, and met no trouble"
    await check(container)


async def check(container: Container) -> None:
    """Raise AssertionError where the books are not those of the five calls, or anything is left lying."""
    assert await booked(container) == {"input_tokens": 510, "output_tokens": 35, "requests": 5}
    assert await container.set_aside.all() == []
    summary = await container.books.summary(DAY)
    assert summary is not None
    assert summary[0]["total"]["quantities"] == {"input_tokens": 510, "output_tokens": 35, "requests": 5}
    audited = await container.auditor.audit_day(DAY, NOW)
    assert (audited.events, audited.drift_lines) == (5 + audited.duplicates, 0)
