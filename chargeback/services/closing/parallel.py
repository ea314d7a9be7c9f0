"""Runs many small pieces of work on a store, some at a time."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from chargeback.services.running.together import together

T = TypeVar("T")


async def for_each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, at_once: int = 16) -> None:
    """Do the work for every item; the first failure stops the rest and is raised."""
    waiting = iter(items)

    async def take() -> None:
        for item in waiting:
            await work(item)

    await together(*(take() for _ in range(at_once)))
