"""The shorter form over the real stores: a refusal or a lost answer of Cosmos DB at a write of each service."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from chargeback.bootstrap import Container
from chargeback.domain.errors import ChargebackError
from scripts.local.clear import clear_stores
from scripts.local.provision import call
from scripts.local.stack import Stack
from tests.builders import tokens, usage_event

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

NOW = datetime.now(UTC)
DAY = NOW.date().isoformat()  # Redis keeps only days that are open
SEED = 13
WRITES = 9
"""So many writes of Cosmos DB the services below make at least."""

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
    await container.ingest.ingest(EVENTS, NOW)
    services = (
        lambda: container.poster.post(NOW),
        lambda: container.auditor.audit_day(DAY, NOW),
    )
    for service in services:
        with suppress(ChargebackError):
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
    assert await booked(container) == {"input_tokens": 510, "output_tokens": 35, "requests": 5}
    assert await container.set_aside.all() == []
    summary = await container.books.summary(DAY)
    assert summary is not None
    assert summary[0]["total"]["quantities"] == {"input_tokens": 510, "output_tokens": 35, "requests": 5}
    audited = await container.auditor.audit_day(DAY, NOW)
    assert (audited.events, audited.drift_lines) == (5 + audited.duplicates, 0)
