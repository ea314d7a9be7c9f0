"""Waits until something holds, however slow the machine is."""

import asyncio
import time
from collections.abc import Callable

LONGEST = 120.0
"""Seconds after which nobody believes any more that it will hold."""


async def until(holds: Callable[[], bool]) -> None:
    """Let the other tasks of the loop work until something holds."""
    async with asyncio.timeout(LONGEST):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event to set
            await asyncio.sleep(0.01)


def wait_for(holds: Callable[[], bool]) -> None:
    """Let other threads and processes work until something holds."""
    ends = time.monotonic() + LONGEST
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError("waited in vain")
        time.sleep(0.02)
