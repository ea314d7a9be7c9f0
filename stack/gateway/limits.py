"""Counts how much of a window each rate limit and quota has used."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class _Window:
    ends: float
    used: float = 0.0


@dataclass(slots=True)
class Counters:
    """Fixed windows by name; a window starts with the first use after the last one ended."""

    clock: Callable[[], float] = time.time
    _windows: dict[str, _Window] = field(default_factory=dict)

    def used(self, name: str) -> float:
        """What the current window has counted."""
        window = self._windows.get(name)
        return window.used if window and window.ends > self.clock() else 0.0

    def remaining_seconds(self, name: str) -> int:
        """How long the current window lasts, at least one second."""
        window = self._windows.get(name)
        return max(1, round(window.ends - self.clock())) if window else 1

    def add(self, name: str, amount: float, ends: float) -> None:
        """Count `amount`; a new window, if one is needed, ends at `ends`."""
        window = self._windows.get(name)
        if window is None or window.ends <= self.clock():
            window = self._windows[name] = _Window(ends)
        window.used += amount


def period_end(period: str, now: float) -> float:
    """When the calendar period (UTC) that `now` lies in ends."""
    moment = datetime.fromtimestamp(now, UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    ends = {
        "Hourly": moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1),
        "Daily": day + timedelta(days=1),
        "Weekly": day - timedelta(days=day.weekday()) + timedelta(days=7),
        "Monthly": (day.replace(day=1) + timedelta(days=32)).replace(day=1),
        "Yearly": day.replace(year=day.year + 1, month=1, day=1),
    }
    return ends[period].timestamp()
