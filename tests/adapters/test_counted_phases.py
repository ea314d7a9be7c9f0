"""Which event of a call counts, in whatever order its phases and emitters come: in memory and in Redis alike."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.bootstrap import Container
from chargeback.services.ports.counter import Counter
from tests.adapters.counted_events import EVENTS, TODAY, count, event, state
from tests.support.builders import tokens
from tests.support.waiting import all_pending

pytestmark = pytest.mark.anyio
EXPECTED: dict[frozenset[str], tuple[str, ...]] = {
    frozenset({"pending"}): ("pending",),
    frozenset({"settled"}): ("settled",),
    frozenset({"poll"}): (),
    frozenset({"pending", "poll"}): ("poll",),
    frozenset({"pending", "settled"}): ("settled",),
    frozenset({"settled", "poll"}): ("poll",),
    frozenset({"pending", "settled", "poll"}): ("poll",),
    frozenset({"pending stream", "settled stream"}): ("settled stream",),
    frozenset({"pending stream", "settled stream", "final"}): ("final",),
    frozenset({"pending", "poll", "pending stream", "final"}): ("poll", "final"),
}
"""Which events of a call account for it, of those that came."""


@pytest.mark.parametrize("came", EXPECTED, ids=lambda came: "+".join(sorted(came)))
async def test_the_last_phase_accounts_for_a_call_in_every_order_of_arrival(
    counter: Counter, came: frozenset[str]
) -> None:
    reference = MemoryCounter()
    for name in EXPECTED[came]:
        # Counted alone, as a call of one event.
        await count(reference, EVENTS[name]._replace(call=name, phase=EVENTS["final"].phase))
    expected = await state(reference)
    expected["pending"] = [EVENTS["pending"].raw] if came == {"pending"} else []

    for order in itertools.permutations(sorted(came)):
        await counter.forget(TODAY)
        for name in (*order, *order):
            await count(counter, EVENTS[name])

        assert await state(counter) == expected, order


arrivals = st.lists(st.lists(st.sampled_from(sorted(EVENTS)), max_size=6), max_size=5)


@pytest.mark.servers
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals)
async def test_redis_and_memory_agree_after_any_batches(container: Container, batches: list[list[str]]) -> None:
    real, reference = container.counter, MemoryCounter()
    await real.forget(TODAY)

    for batch in batches:
        flags = [await count(each, *(EVENTS[name] for name in batch)) for each in (real, reference)]
        assert flags[0] == flags[1]

    assert await state(real) == await state(reference)


@given(arrivals)
async def test_the_order_and_number_of_arrivals_do_not_matter(batches: list[list[str]]) -> None:
    came = [name for batch in batches for name in batch]
    counted, shuffled = MemoryCounter(), MemoryCounter()

    await count(counted, *(EVENTS[name] for name in came))
    await count(shuffled, *(EVENTS[name] for name in sorted(set(came), reverse=True)))

    assert await state(counted) == await state(shuffled)


async def test_a_pending_call_that_is_settled_leaves_nothing_on_its_first_line(counter: Counter) -> None:
    await count(counter, EVENTS["pending stream"])
    await count(counter, EVENTS["settled stream"])

    changed = await counter.changed_lines(TODAY)
    assert changed is not None
    lines = {each.line: each.hours for each in await counter.lines(TODAY, changed.epoch, list(changed.lines))}

    assert lines[EVENTS["pending stream"].line] == {}
    assert await all_pending(counter, TODAY) == []


RANKS = ("beside", "recovered", "pending stream", "settled stream")
BESIDE = event(
    id="x", source="/e", usage=tokens(999, 1), gatewayEventId="s", gatewayEventSource="/apim/gw/swedencentral"
)


@pytest.mark.parametrize(
    "names", list(itertools.permutations(["beside", "recovered", "pending stream", "settled stream"]))
)
async def test_the_gateway_s_own_events_rank_above_those_of_another_emitter(
    counter: Counter, names: tuple[str, ...]
) -> None:
    recovered = event(id="s/settled", type="settled", usage=tokens(5, 5), usageSource="gateway-log-alone")
    events = {**EVENTS, "beside": BESIDE, "recovered": recovered}
    for number in range(1, 5):
        await count(counter, events[names[number - 1]])

        counts = max(names[:number], key=RANKS.index)
        found = await state(counter)
        assert list(found["lines"]) == [events[counts].line]
        assert found["pending"] == ([events[counts].raw] if counts == "pending stream" else [])
        assert await counter.accounted_for(TODAY, [BESIDE.call]) == [counts != "beside"]
