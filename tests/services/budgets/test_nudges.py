"""Work that follows what happened: soon, once for many nudges, and never in the way of whoever nudges."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from chargeback.domain.errors import StoreUnavailable
from chargeback.services.budgets import nudges
from chargeback.services.budgets.nudges import Nudges
from tests.support.conditions import until

pytestmark = pytest.mark.anyio


def nudges_for(work: Callable[[], Awaitable[str]], **given: Any) -> Nudges:
    return Nudges(work, given.pop("report", lambda _: None), **{"shortest": 0.05} | given)


async def test_many_nudges_are_one_piece_of_work_and_one_more_for_those_meanwhile() -> None:
    done: list[int] = []
    going_on = asyncio.Event()

    async def work() -> str:
        done.append(1)
        await going_on.wait()
        return ""

    some = nudges_for(work)
    for _ in range(100):
        some.nudge()
    await until(lambda: len(done) == 1)
    for _ in range(100):
        some.nudge()
    going_on.set()
    await until(lambda: len(done) > 1)
    await asyncio.sleep(0.1)

    assert len(done) == 2


async def test_work_that_takes_long_is_done_less_often() -> None:
    done: list[int] = []

    async def work() -> str:
        done.append(1)
        await asyncio.sleep(0.05)
        return ""

    some = nudges_for(work)
    began = time.monotonic()
    for _ in range(20):
        some.nudge()
        await asyncio.sleep(0.02)
    await some.stop()

    assert 1 <= len(done) <= 1 + (time.monotonic() - began) / (nudges.SHARE * 0.05)


async def test_a_failure_is_over_with_the_next_nudge_and_reaches_nobody() -> None:
    tried: list[int] = []

    async def work() -> str:
        tried.append(1)
        raise StoreUnavailable("away")

    some = nudges_for(work)
    some.nudge()
    await until(lambda: len(tried) == 1)
    some.nudge()

    await until(lambda: len(tried) == 2)


async def test_work_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nudges, "SHARE", 1)
    tried: list[int] = []

    async def work() -> str:
        tried.append(1)
        await asyncio.Event().wait()
        return ""

    some = nudges_for(work, longest=0.05)
    some.nudge()
    await until(lambda: len(tried) == 1)
    some.nudge()

    await until(lambda: len(tried) == 2)
    await some.stop()


@pytest.mark.parametrize("raises", [True, False])
async def test_failures_are_reported_once_a_minute(*, raises: bool) -> None:
    now = [0.0]
    reported: list[str] = []
    tried: list[int] = []

    async def work() -> str:
        tried.append(1)
        if raises:
            raise StoreUnavailable("gateway north: 401")
        return "gateway north: 401"

    some = nudges_for(work, report=reported.append, clock=lambda: now[0])
    for before, now[0] in enumerate((0.0, 10.0, 59.0, 60.0, 119.0)):
        some.nudge()
        await until(partial(lambda seen: len(tried) > seen, before))

    assert len(tried) == 5
    assert reported == ["gateway north: 401"] * 2


async def test_work_that_is_done_is_not_reported() -> None:
    reported: list[str] = []
    done: list[int] = []

    async def work() -> str:
        done.append(1)
        return ""

    some = nudges_for(work, report=reported.append)
    some.nudge()
    await until(lambda: len(done) == 1)

    assert reported == []
