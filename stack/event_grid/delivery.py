"""Delivers events to one subscription: at least once, in no order, with Event Grid's retries and delays.

Waits, what is never repeated, and delayed delivery: learn.microsoft.com/azure/event-grid/delivery-and-retry.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import msgspec

from stack.event_grid.clock import Clock
from stack.event_grid.events import BATCH, SINGLE, PublishedEvent

ORIGIN = "eventgrid.azure.net"
ACKNOWLEDGED = {200, 201, 202, 203, 204}
NEVER_RETRIED = {400, 401, 403, 413}
WAITS = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600)  # seconds before the second, third … attempt
LONGEST_WAIT = 43200
FLOORS = {404: 300, 408: 120, 503: 30}
FAILURES_BEFORE_DELAY = 10
DELAYS = (60, 14_400)
"""How long an unhealthy endpoint gets nothing, new events included: first and at most, twice as long each time. The
service says *for some time*, in some cases several hours, and no more; these numbers are ours."""
OUTCOMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "PayloadTooLarge",
    429: "Busy",
    503: "Busy",
}
WORKERS = 32


class Subscription(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Where events go and how often delivery is tried; names and defaults are the service's."""

    name: str
    endpoint: str
    max_events_per_batch: int | None = None
    max_delivery_attempts: int = 30
    event_time_to_live_in_minutes: int = 1440
    included_event_types: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what the service refuses."""
        for name, value, highest in (
            ("maxEventsPerBatch", self.max_events_per_batch or 1, 5000),
            ("maxDeliveryAttempts", self.max_delivery_attempts, 30),
            ("eventTimeToLiveInMinutes", self.event_time_to_live_in_minutes, 1440),
        ):
            if not 1 <= value <= highest:
                raise ValueError(f"{name} must be from 1 to {highest}")
        if not self.endpoint.startswith(("http://", "https://")):
            raise ValueError("endpoint must be a URL")


@dataclass(frozen=True, slots=True)
class Pace:
    """How deliveries are played; `acknowledge_within` is in real seconds, as the endpoint's work is."""

    acknowledge_within: float = 30.0
    duplicates: float = 0.0
    shuffle: float = 0.0


DeadLetter = Callable[["Subscription", PublishedEvent, str], None]


class Delivery:
    """The queue of one subscription and the tasks that empty it."""

    def __init__(
        self, subscription: Subscription, pace: Pace, clock: Clock, session: aiohttp.ClientSession, dead: DeadLetter
    ) -> None:
        self.subscription = subscription
        self.pace = pace
        self._clock = clock
        self._failures = 0
        self._delay = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self.counts: Counter[str] = Counter()
        self._session = session
        self._dead = dead
        self._ready: asyncio.Queue[PublishedEvent] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def handshake(self) -> None:
        """Ask the endpoint whether it wants events; raise `ValueError` unless it says so."""
        headers = {"WebHook-Request-Origin": ORIGIN, "WebHook-Request-Rate": "120"}
        timeout = aiohttp.ClientTimeout(total=30)
        try:
            async with self._session.options(self.subscription.endpoint, headers=headers, timeout=timeout) as answer:
                allowed = answer.headers.get("WebHook-Allowed-Origin")
                if answer.status != 200 or allowed not in {ORIGIN, "*"}:
                    raise ValueError(f"handshake failed: status {answer.status}, WebHook-Allowed-Origin {allowed}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ValueError(f"handshake failed: {error!r}") from error

    def accept(self, body: bytes, kind: str, now: datetime) -> None:
        """Queue an event unless the subscription filters its type out."""
        wanted = self.subscription.included_event_types
        if wanted is None or kind in wanted:
            self.counts["queued"] += 1
            self._shuffle(PublishedEvent(body, now))

    async def close(self) -> None:
        """End the tasks; what is queued is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _shuffle(self, event: PublishedEvent) -> None:
        asyncio.get_running_loop().call_later(random.uniform(0, self.pace.shuffle), self._ready.put_nowait, event)

    async def _work(self) -> None:
        size = self.subscription.max_events_per_batch or 1
        while True:
            events = [await self._ready.get()]
            while len(events) < size and not self._ready.empty():
                events.append(self._ready.get_nowait())
            await self._open.wait()
            alive = [event for event in events if not self._expired(event)]
            if alive:
                self._settle(alive, await self._post(alive))

    def _expired(self, event: PublishedEvent) -> bool:
        lifetime = timedelta(minutes=self.subscription.event_time_to_live_in_minutes)
        if event.attempts and self._clock.now() - event.published > lifetime:
            self._bury(event, "TimeToLiveExceeded")
            return True
        return False

    async def _post(self, events: list[PublishedEvent]) -> int:
        batched = self.subscription.max_events_per_batch is not None
        body = b"[" + b",".join(event.body for event in events) + b"]" if batched else events[0].body
        headers = {
            "Content-Type": f"{BATCH if batched else SINGLE}; charset=utf-8",
            "aeg-event-type": "Notification",
            "aeg-subscription-name": self.subscription.name.upper(),
            "aeg-delivery-count": str(events[0].attempts),
            "aeg-output-event-id": str(uuid.uuid4()),
        }
        self.counts["requests"] += 1
        timeout = aiohttp.ClientTimeout(total=self.pace.acknowledge_within)
        try:
            async with self._session.post(
                self.subscription.endpoint, data=body, headers=headers, timeout=timeout
            ) as answer:
                return answer.status
        except TimeoutError:
            return 408
        except aiohttp.ClientError:
            return 0

    def _settle(self, events: list[PublishedEvent], status: int) -> None:
        self._judge_endpoint(is_healthy=status in ACKNOWLEDGED)
        for event in events:
            event.attempts += 1
            event.attempted = self._clock.now()
            event.outcome = OUTCOMES.get(status, "GenericError")
            if status in ACKNOWLEDGED:
                self._delivered(event)
            elif status in NEVER_RETRIED:
                self._bury(event, "UndeliverableDueToClientError")
            elif event.attempts >= self.subscription.max_delivery_attempts:
                self._bury(event, "MaxDeliveryAttemptsExceeded")
            else:
                self.counts["retries"] += 1
                self._clock.call_later(wait(event.attempts, status), partial(self._ready.put_nowait, event))

    def _judge_endpoint(self, *, is_healthy: bool) -> None:
        """Leave an endpoint alone that fails again and again, with new events, too."""
        if is_healthy:
            self._failures, self._delay = 0, 0.0
            return
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_DELAY and self._open.is_set():
            first, most = DELAYS
            self._delay = min(self._delay * 2 or first, most)
            self.counts["delays"] += 1
            self._open.clear()
            self._clock.call_later(self._delay, self._open.set)

    def _delivered(self, event: PublishedEvent) -> None:
        self.counts["queued"] -= 1
        self.counts["delivered"] += 1
        if random.random() < self.pace.duplicates:
            self.counts["queued"] += 1
            self.counts["duplicates"] += 1
            self._shuffle(replace(event))

    def _bury(self, event: PublishedEvent, reason: str) -> None:
        self.counts["queued"] -= 1
        self.counts["deadLettered"] += 1
        self._dead(self.subscription, event, reason)

    def status(self) -> dict[str, Any]:
        """Return the counts; `queued` includes what is in flight or waits for a retry."""
        names = ("queued", "delivered", "deadLettered", "retries", "duplicates", "requests", "delays")
        return {name: self.counts[name] for name in names}


def wait(attempts: int, status: int) -> float:
    """Return the seconds before the next attempt, with up to a tenth of jitter."""
    planned = WAITS[attempts - 1] if attempts <= len(WAITS) else LONGEST_WAIT
    return max(planned, FLOORS.get(status, 10)) * random.uniform(1, 1.1)
