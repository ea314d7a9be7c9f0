"""A count that is lost, begun again, or gone back is another count, and nobody takes it for the one before."""

import copy
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.bootstrap import Container
from chargeback.domain.errors import CountLost
from chargeback.services.ports.counter import Counter
from stack.clear import clear_redis
from stack.stack import Stack
from tests.adapters.counted_events import EVENTS, TODAY, count, estimate, event, state

pytestmark = pytest.mark.anyio


async def snapshot(counter: Counter) -> Callable[[], Awaitable[None]]:
    """Remember what the store holds of the day; what is returned brings that back, as a late replica would."""
    if isinstance(counter, MemoryCounter):
        kept = copy.deepcopy(counter.days)

        async def go_back() -> None:
            counter.days.clear()
            counter.days.update(copy.deepcopy(kept))

        return go_back
    client = counter._client  # type: ignore[attr-defined]
    dumps = {key: await client.dump(key) for key in await client.keys(f"*{{{TODAY}}}*")}

    async def restore() -> None:
        await client.flushall()
        for key, dump in dumps.items():
            await client.restore(key, 0, dump)

    return restore


async def test_a_store_that_has_gone_back_is_another_count_as_soon_as_it_is_told_something(counter: Counter) -> None:
    await count(counter, event(id="a"))
    epoch = await counter.epoch(TODAY)
    go_back = await snapshot(counter)
    await count(counter, event(id="b"))
    await count(counter, event(id="b"))
    assert await counter.epoch(TODAY) == epoch

    await go_back()
    gone_back = await counter.epoch(TODAY)
    await count(counter, event(id="c"))
    after = await counter.epoch(TODAY)
    await count(counter, event(id="d"))

    assert gone_back == epoch
    assert after not in (None, epoch)
    assert await counter.epoch(TODAY) == after


async def test_a_day_that_is_begun_has_an_epoch_and_nothing_else(counter: Counter) -> None:
    epoch = await counter.begin(TODAY)

    begun = await counter.changed_lines(TODAY)
    assert begun is not None
    assert (begun.epoch, begun.lines) == (epoch, {})
    assert await counter.accounted_for(TODAY, ["a" * 32]) == [False]
    await count(counter, event(id="a"))
    assert await counter.begin(TODAY) == await counter.epoch(TODAY) == epoch


async def test_a_forgotten_day_is_lost_and_counted_again(counter: Counter) -> None:
    await count(counter, event(id="a"), EVENTS["pending"])
    before = await counter.changed_lines(TODAY)
    assert before is not None

    await counter.forget(TODAY)

    assert await counter.epoch(TODAY) is None
    assert await state(counter) == {"lines": {}, "spend": {}, "pending": []}
    with pytest.raises(CountLost):
        await counter.lines(TODAY, before.epoch, list(before.lines))
    assert await count(counter, event(id="a")) == [True]
    with pytest.raises(CountLost):
        await counter.lines(TODAY, before.epoch, list(before.lines))
    await counter.mark_posted(TODAY, before.epoch, before.lines)
    after = await counter.changed_lines(TODAY)
    assert after is not None
    assert after.epoch != before.epoch
    assert after.lines


async def test_lines_that_were_never_counted_are_lost_lines(counter: Counter) -> None:
    await count(counter, event())
    epoch = await counter.epoch(TODAY)
    assert epoch is not None

    with pytest.raises(CountLost):
        await counter.lines(TODAY, epoch, ["0" * 32])


async def test_days_do_not_mix(counter: Counter) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    await count(counter, event(id="a"))

    flags = await counter.count(yesterday, [event(id="a")], estimate)
    await counter.forget(TODAY)

    assert list(flags) == [True]
    assert await counter.epoch(yesterday) is not None
    await counter.forget(yesterday)


# What only Redis can show


async def keys(container: Container) -> list[bytes]:
    return list(await container.counter._client.keys("*"))


@pytest.mark.servers
async def test_every_key_of_a_day_expires_and_has_the_day_s_hash_tag(clean_stores: Stack, container: Container) -> None:
    counter = container.counter
    await count(counter, event(id="a"), EVENTS["pending"], event(id="b", subscriptionId="support"))
    await count(counter, event(id="c", companyName="new line"))
    changed = await counter.changed_lines(TODAY)
    assert changed is not None
    await counter.mark_posted(TODAY, changed.epoch, changed.lines)
    await counter.touch(TODAY)

    found = await keys(container)
    left = [await counter._client.ttl(key) for key in found]

    assert len(found) == 8 + 4 + 5, "eight of the day, a key for each line and for the set of each call or claim"
    assert all(b"{" + TODAY.encode() + b"}" in key for key in found)
    end_of_use = datetime.fromisoformat(TODAY).replace(tzinfo=UTC) + timedelta(days=5)
    until_then = (end_of_use - datetime.now(UTC)).total_seconds()
    assert all(abs(seconds - until_then) < 5 for seconds in left)


@pytest.mark.servers
async def test_forgetting_a_day_leaves_no_key(clean_stores: Stack, container: Container) -> None:
    await count(container.counter, event(id="a"), EVENTS["pending"])

    await container.counter.forget(TODAY)

    assert await keys(container) == []


@pytest.mark.servers
@pytest.mark.parametrize("lost", ["flushed", "restarted empty"])
async def test_a_lost_redis_is_a_lost_count_and_counts_again(
    clean_stores: Stack, container: Container, lost: str
) -> None:
    counter = container.counter
    await count(counter, event(id="a"))
    before = await counter.changed_lines(TODAY)
    assert before is not None

    if lost == "flushed":
        clear_redis(clean_stores.url("redis"))
    else:
        clean_stores.kill("redis")
        clean_stores.start("redis")

    with pytest.raises(CountLost):
        await counter.lines(TODAY, before.epoch, list(before.lines))
    await counter.mark_posted(TODAY, before.epoch, before.lines)
    assert await count(counter, event(id="a")) == [True]
