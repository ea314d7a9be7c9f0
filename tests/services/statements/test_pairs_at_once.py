"""Two services at once, the second begun at any store call of the first, end as one of the two orders would.

What the two find is prepared once for each pair; every run has a copy of it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargeback.services.closing.finish_days import ClosingRequest
from tests.simulation.lives import run_alone
from tests.simulation.month import EARLY, Call, Month
from tests.simulation.month import Order as Command
from tests.simulation.oracle import booked
from tests.simulation.product import SimulatedProduct
from tests.simulation.trouble import Run, troubled

EVENING = datetime(2026, 3, 31, 20, tzinfo=UTC)
APRIL = datetime(2026, 4, 3, 12, tzinfo=UTC)
"""31 March is still counted, and may be closed by hand."""

MAY = datetime(2026, 5, 5, tzinfo=UTC)
BEGINNINGS = (0, 3, 9, 27)
"""After so many store calls of the first, the second begins."""


def month() -> Month:
    """One call that is counted, one whose event waits in quarantine, one that waits for its tokens, one given up."""
    after = EVENING + timedelta(minutes=1)
    return Month(
        (
            Call("counted", EVENING, "ann", 1_000_000, 5, (after,)),
            Call("early", EVENING, "bob", 2_000_000, 5, (EVENING - EARLY,)),
            Call("stream", EVENING, "cid", 3_000_000, 5, (after,), is_stream=True, logged=after),
            Call("given up", EVENING, "dan", 4_000_000, 5, (after,), is_given_up=True),
        ),
        (Command(APRIL, "apply", "4"), Command(APRIL, "correct")),
    )


async def prepared(pair: tuple[str, str]) -> tuple[SimulatedProduct, datetime]:
    """What the two find, and when they run."""
    simulated = SimulatedProduct(month())
    await simulated.begin()
    simulated.arrive(EVENING - timedelta(days=1), EVENING - timedelta(hours=1))
    await simulated.run("deliver", EVENING - EARLY)
    simulated.arrive(EVENING - timedelta(hours=1), APRIL)
    await simulated.run("deliver", EVENING + timedelta(minutes=2))
    if "replay" not in pair:
        await simulated.run("replay", APRIL)
    if "settle" not in pair:
        await simulated.run("settle", APRIL)
    await simulated.run("post", APRIL)
    if "correct" not in pair:
        return simulated, APRIL
    await simulated.run("close", APRIL + timedelta(days=1))
    await simulated.run("apply", APRIL + timedelta(days=1))
    simulated.in_memory.catalogues.forget()
    return simulated, MAY


def work(simulated: SimulatedProduct, service: str, now: datetime) -> Callable[[], Awaitable[Any]]:
    """One of the two; before its grace period is over, March is closed by hand."""
    if service == "close" and now == APRIL:
        return lambda: simulated.in_memory.closer.close("2026-03", ClosingRequest("ann", now))
    return lambda: simulated.run(service, now, on=int(service in ("apply", "correct")))


async def what_is_left(simulated: SimulatedProduct, now: datetime) -> Any:
    """Books, bills and what waits, after the timers have run once more."""
    in_memory = simulated.in_memory
    simulated.in_memory.catalogues.forget()
    for service in ("post", "audit", "publish"):
        await simulated.run(service, now)
    waiting = await simulated.quarantine.batches(), await simulated.letters.batches(), await simulated.set_aside.all()
    return (
        await booked(simulated),
        in_memory.contents(in_memory.closed, in_memory.reports),
        waiting,
        simulated.operator.waiting,
    )


async def in_order(simulated: SimulatedProduct, now: datetime, pair: tuple[str, str]) -> Any:
    for service in pair:
        await work(simulated, service, now)()
    return await what_is_left(simulated, now)


async def at_once(simulated: SimulatedProduct, now: datetime, pair: tuple[str, str], beginning: int) -> Any:
    first = Run()

    async def begin_first() -> None:
        async with troubled(first):
            await work(simulated, pair[0], now)()

    running = asyncio.create_task(begin_first())
    while first.calls < beginning and not running.done():  # noqa: ASYNC110 a turn each
        await asyncio.sleep(0)
    await work(simulated, pair[1], now)()
    await running
    return await what_is_left(simulated, now)


@pytest.mark.parametrize(
    "pair",
    [
        *[("replay", other) for other in ("post", "audit", "close", "settle", "replay")],
        *[("settle", other) for other in ("audit", "close")],
        *[("publish", other) for other in ("apply", "correct")],
        *[("correct", other) for other in ("close", "audit")],
        ("close", "apply"),
    ],
    ids=" and ".join,
)
def test_two_services_at_once_end_as_one_of_the_two_orders_would(pair: tuple[str, str]) -> None:
    orders = {pair, pair[::-1]}

    async def live() -> None:
        found, now = await prepared(pair)
        serial = [await in_order(deepcopy(found), now, each) for each in orders]
        for each in orders:
            for beginning in BEGINNINGS:
                left = await at_once(deepcopy(found), now, each, beginning)
                assert left in serial, f"{each[1]} after {beginning} calls of {each[0]}"

    run_alone(live())
