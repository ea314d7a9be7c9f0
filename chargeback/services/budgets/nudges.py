"""Has work done soon after something happened, without whoever it happened to waiting for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from chargeback.domain.errors import ChargebackError
from chargeback.services.running.bulkheads import reason_of

SHORTEST = 1.0
"""Seconds from one beginning of the work to the next."""

SHARE = 5
"""The work gets at most one part of this many of the process's time, however long it takes."""

LONGEST = 20.0
"""Seconds after which the work is given up."""

REPORTED_EVERY = 60.0
"""Seconds from one line about a failure to the next."""


class Nudges:
    """Does the work once after any number of nudges, never twice at a time, and not too often.

    A failure is reported, at most once a minute, and left to the next nudge and to the timer that does the same work.
    The work returns what went wrong, "" if nothing did, or raises it.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[str]],
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        shortest: float = SHORTEST,
        longest: float = LONGEST,
        share: float | None = None,
    ) -> None:
        """`report` is told why the work failed; `shortest`, `longest` and `share`: see the constants."""
        self._work = work
        self._say = report
        self._clock = clock
        self._shortest = shortest
        self._longest = longest
        self._share = share
        self._wanted = False
        self._next = float("-inf")
        self._next_report = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def nudge(self) -> None:
        """The work is to be done; returns at once."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def settled(self) -> None:
        """Wait for work that is under way or due."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """End work that is under way or due."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._wanted:
            await asyncio.sleep(max(0.0, self._next - self._clock()))
            self._wanted = False
            began = self._clock()
            try:
                async with asyncio.timeout(self._longest):
                    fault = await self._work()
            except (ChargebackError, TimeoutError) as error:
                fault = reason_of(error)
            self._next = began + max(self._shortest, (self._share or SHARE) * (self._clock() - began))
            if fault:
                self._report(fault)

    def _report(self, fault: str) -> None:
        if self._clock() >= self._next_report:
            self._next_report = self._clock() + REPORTED_EVERY
            self._say(fault)
