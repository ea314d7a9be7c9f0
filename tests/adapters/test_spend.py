"""What is spent, by date and scope: in Redis as in memory, whatever comes in whatever order."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.bootstrap import Container
from chargeback.domain.events.usage_event import EVER, UsageEvent, read_event
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.services.ports.counter import Counter
from chargeback.services.usage.estimate_spend import SpendEstimator
from tests.support.accounts import said_of_calls
from tests.support.budgets import limited
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, catalogue, dated

pytestmark = pytest.mark.anyio

TODAY = datetime.now(UTC).date().isoformat()
PRICED = catalogue(
    dated(Meter.INPUT, (START, "1")),
    dated(Meter.OUTPUT, (START, "10")),
    account="oai-swedencentral",
)
SCOPES = ("subscription:search", "product:standard", "cost-centre:unallocated", "user:ann", "model:gpt-4o", "all")


class WithoutMeans(SpendEstimator):
    """What answers come to is learnt as often as each counter asks, which is not compared here."""

    def _note_answer(self, line: Line, quantities: Quantities) -> None:
        pass


def estimator() -> SpendEstimator:
    return WithoutMeans(EffectiveCatalogues(PRICED), limited(*SCOPES).watched)


def event(**arguments: Any) -> UsageEvent:
    return read_event(usage_event(**({"time": f"{TODAY}T09:00:00Z"} | arguments)), EVER)


async def spend(counter: Counter) -> dict[str, int]:
    return {field: amount for field, amount in (await counter.spend(TODAY)).picodollars.items() if amount}


PENDING = event(id="s", type="pending", requestCharacters=4_000, maxOutputTokens=100)
SETTLED = event(id="s/settled", type="settled", usage=tokens(900, 20))
EXPECTED, USED = 1_000 * 10**6 + 100 * 10**7, 900 * 10**6 + 20 * 10**7
"""Picodollars of the call before and after it is settled."""


async def test_a_call_moves_from_the_estimates_to_what_is_known_when_it_is_settled(counter: Counter) -> None:
    weigh = estimator().estimate

    await counter.count(TODAY, [PENDING, PENDING], weigh)
    await counter.count(TODAY, [PENDING], weigh)
    before = await spend(counter)
    await counter.count(TODAY, [SETTLED], weigh)
    await counter.count(TODAY, [PENDING, SETTLED], weigh)

    assert before[f"~{TODAY}|subscription:search"] == before[f"~{TODAY}|all"] == EXPECTED
    assert all(field.startswith("~") for field in before)
    after = await spend(counter)
    assert after[f"{TODAY}|subscription:search"] == after[f"{TODAY}|cost-centre:unallocated"] == USED
    assert not any(field.startswith("~") for field in after)


async def test_a_call_that_settles_in_the_batch_that_it_comes_with_is_never_estimated(counter: Counter) -> None:
    await counter.count(TODAY, [SETTLED, PENDING], estimator().estimate)

    assert set((await spend(counter)).values()) == {USED}


async def test_a_call_that_the_log_alone_knew_is_estimated_once_its_own_event_says_that_it_waits(
    counter: Counter,
) -> None:
    recovered = event(id="s/settled", type="settled", usage=tokens(5, 5), usageSource="gateway-log-alone")

    await counter.count(TODAY, [recovered], estimator().estimate)
    await counter.count(TODAY, [PENDING], estimator().estimate)

    assert (await spend(counter))[f"~{TODAY}|all"] == EXPECTED
    assert f"{TODAY}|all" not in await spend(counter)


async def test_what_is_spent_is_told_with_the_epoch_that_it_was_counted_under(counter: Counter) -> None:
    await counter.count(TODAY, [SETTLED], estimator().estimate)

    assert (await counter.spend(TODAY)).epoch == await counter.epoch(TODAY)


@pytest.mark.servers
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said_of_calls(TODAY), st.integers(1, 5))
async def test_redis_spends_as_memory_does(container: Container, said: list[UsageEvent], size: int) -> None:
    real, reference = container.counter, MemoryCounter()
    await real.forget(TODAY)
    for start in range(0, len(said), size):
        for each in (real, reference):
            await each.count(TODAY, said[start : start + size], estimator().estimate)

    assert await spend(real) == await spend(reference)
