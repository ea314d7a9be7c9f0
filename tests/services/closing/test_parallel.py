"""Some pieces of work at a time, each once, and none goes on after a failure."""

import asyncio

import pytest

from chargeback.services.closing.parallel import for_each

pytestmark = pytest.mark.anyio


async def test_every_item_is_worked_on_once_and_only_so_many_at_a_time() -> None:
    done: list[int] = []
    under_way = most = 0

    async def work(item: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        done.append(item)

    await for_each(range(100), work, at_once=7)

    assert sorted(done) == list(range(100))
    assert most == 7


async def test_the_first_failure_is_raised_and_nothing_goes_on() -> None:
    begun: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        if item == 3:
            raise ZeroDivisionError
        await asyncio.sleep(0.01)

    with pytest.raises(ZeroDivisionError):
        await for_each(range(100), work, at_once=5)
    so_far = len(begun)
    await asyncio.sleep(0.05)

    assert len(begun) == so_far <= 10


async def test_nothing_to_do_is_done() -> None:
    async def work(item: int) -> None:
        raise AssertionError

    await for_each([], work)
