"""Waits for several pieces of work at the same time, and leaves none of them behind."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar, overload

_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_D = TypeVar("_D")
_E = TypeVar("_E")


@overload
async def together(first: Awaitable[_A], second: Awaitable[_B], /) -> tuple[_A, _B]: ...
@overload
async def together(first: Awaitable[_A], second: Awaitable[_B], third: Awaitable[_C], /) -> tuple[_A, _B, _C]: ...
@overload
async def together(
    first: Awaitable[_A], second: Awaitable[_B], third: Awaitable[_C], fourth: Awaitable[_D], fifth: Awaitable[_E], /
) -> tuple[_A, _B, _C, _D, _E]: ...
@overload
async def together(*works: Awaitable[_A]) -> list[_A]: ...
async def together(*works: Awaitable[object]) -> object:
    """What each gives, in their order.

    The first failure ends the others, and is raised once they have ended; it is the same where this is cancelled.
    `asyncio.gather` returns while others go on, and they open connections again that were closed meanwhile.
    """
    tasks = [asyncio.ensure_future(each) for each in works]
    if not tasks:
        return []
    try:
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:
        await _end(tasks)
        raise
    # Every failure is looked at, or the loop reports those that nobody asked for.
    failed = [task for task in tasks if task in done and (task.cancelled() or task.exception())]
    await _end(others)
    return [task.result() for task in failed or tasks]


async def _end(tasks: Iterable[asyncio.Future[object]]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
