"""The topic's clock: it follows the machine's time, unless a test makes it run faster or moves it forward.

So nobody has to wait for a day of repeated deliveries, and still every wait takes place.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time and does things later."""

    def __init__(self, rate: float = 1.0) -> None:
        """Let time run `rate` times as fast as the machine's."""
        self._rate = rate
        self._began = datetime.now(UTC)
        self._start = time.monotonic()
        self._turned = 0.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def seconds(self) -> float:
        """Return the seconds since the clock was made."""
        return (time.monotonic() - self._start) * self._rate + self._turned

    def now(self) -> datetime:
        """Return the time."""
        return self._began + timedelta(seconds=self.seconds())

    def call_later(self, seconds: float, call: Callable[[], object]) -> None:
        """Call something when so much time has passed."""
        heapq.heappush(self._due, (self.seconds() + seconds, next(self._order), call))
        self._go_on()

    async def sleep(self, seconds: float) -> None:
        """Return when so much time has passed."""
        over = asyncio.Event()
        self.call_later(seconds, over.set)
        await over.wait()

    def turn(self, seconds: float) -> None:
        """Move the time on; what was due meanwhile happens now, in its order."""
        self._turned += seconds
        self._go_on()

    def _go_on(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._due and self._due[0][0] <= self.seconds():
            heapq.heappop(self._due)[2]()
        if self._due:
            wait = (self._due[0][0] - self.seconds()) / self._rate
            self._timer = asyncio.get_running_loop().call_later(max(wait, 0), self._go_on)
