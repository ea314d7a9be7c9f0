"""Counts requests as services do that take so many in a span of time, and says how long to wait beyond that."""

import math
import time
from collections import deque
from collections.abc import Callable


class RateLimit:
    """At most `most` in any span of `seconds`."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._taken: deque[float] = deque()

    def wait(self) -> int:
        """Whole seconds until another one is taken; 0, and it is counted, if it is taken now."""
        now = self._clock()
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        if len(self._taken) >= self._most:
            return max(1, math.ceil(self._taken[0] + self._seconds - now))
        self._taken.append(now)
        return 0
