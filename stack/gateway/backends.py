"""Which backend gets the next attempt of a call: by pools, priorities, weights and circuit breakers."""

import random
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stack.gateway.errors import PolicyError
from stack.gateway.readings import Readings

_DURATION = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$")


def seconds(duration: str) -> float:
    """An ISO 8601 duration such as PT1M in seconds."""
    match = _DURATION.match(duration)
    if not match:
        raise ValueError(f"not a duration such as PT1M: {duration!r}")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens and for how long."""

    failures: int
    interval: float
    trip: float
    accept_retry_after: bool
    statuses: tuple[tuple[int, int], ...]
    reasons: tuple[str, ...] = ()

    @classmethod
    def from_config(cls, entry: dict[str, Any], readings: Readings) -> "BreakerRule":
        """The rule as a `circuitBreaker` of a backend is written in Bicep."""
        ranges = tuple((span["min"], span["max"]) for span in entry["statusCodeRanges"])
        return cls(
            entry["count"],
            seconds(entry["interval"]),
            seconds(entry["tripDuration"]),
            entry["acceptRetryAfter"],
            ranges,
            readings.error_reasons(tuple(entry.get("errorReasons", ()))),
        )

    def fails(self, outcome: int | str) -> bool:
        """Whether a status, or the reason why there is none, counts as a failure.

        Both are named by the rule: `statusCodeRanges` and `errorReasons` of
        https://learn.microsoft.com/azure/api-management/backends#circuit-breaker.
        """
        if isinstance(outcome, str):
            return outcome in self.reasons
        return any(low <= outcome <= high for low, high in self.statuses)


@dataclass(slots=True)
class Backend:
    """One Azure OpenAI account behind the gateway."""

    id: str
    url: str
    region: str
    rule: BreakerRule | None = None
    clock: Callable[[], float] = time.monotonic
    open_until: float = 0.0
    _failures: deque[float] = field(default_factory=deque)

    @property
    def open(self) -> bool:
        """Whether the breaker keeps calls away."""
        return self.clock() < self.open_until

    def record(self, outcome: int | str, retry_after: float | None) -> None:
        """Count a status or the reason of none; enough failures within the interval open the breaker."""
        if self.rule is None or not self.rule.fails(outcome):
            return
        now = self.clock()
        self._failures.append(now)
        while self._failures and self._failures[0] < now - self.rule.interval:
            self._failures.popleft()
        if len(self._failures) >= self.rule.failures:
            honoured = retry_after if self.rule.accept_retry_after else None
            self.open_until = now + (self.rule.trip if honoured is None else honoured)
            self._failures.clear()


@dataclass(frozen=True, slots=True)
class PoolMember:
    """A backend's place in a pool."""

    backend: Backend
    priority: int
    weight: int


@dataclass(frozen=True, slots=True)
class Pool:
    """Members by priority; equal priorities share the load by weight."""

    id: str
    members: tuple[PoolMember, ...]


class GatewayBackends:
    """All backends and pools of the gateway."""

    def __init__(self, backends: list[Backend], pools: list[Pool], seed: int | None = None) -> None:
        self.single = {backend.id: backend for backend in backends}
        self.pools = {pool.id: pool for pool in pools}
        self._random = random.Random(seed)

    @property
    def names(self) -> set[str]:
        """Every id that set-backend-service may name."""
        return {*self.single, *self.pools}

    def pick(self, name: str) -> Backend:
        """The backend for the next attempt; a `PolicyError` with 503 when every breaker is open."""
        if name in self.single:
            backend = self.single[name]
            if backend.open:
                raise _unavailable(f"Backend service '{name}' is temporarily unavailable", [backend])
            return backend
        members = self.pools[name].members
        healthy = [member for member in members if not member.backend.open]
        if not healthy:
            raise _unavailable(f"Backend pool '{name}' is temporarily unavailable", [m.backend for m in members])
        first = min(member.priority for member in healthy)
        candidates = [member for member in healthy if member.priority == first]
        chosen = self._random.choices(candidates, [member.weight for member in candidates])
        return chosen[0].backend


def _unavailable(reason: str, backends: list[Backend]) -> PolicyError:
    wait = max(1, min(round(backend.open_until - backend.clock()) for backend in backends))
    return PolicyError(
        "forward-request", "BackendUnavailable", reason, 503, {"Retry-After": str(wait)}, status_reason=reason
    )
