"""A life: the month, the runs of every service in it, their trouble, and the end in which all trouble is over."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from chargeback.domain.errors import ChargebackError
from tests.simulation.month import END, START, drawn
from tests.simulation.oracle import check
from tests.simulation.product import COMMANDS, SERVICES, TIMERS, SimulatedProduct
from tests.simulation.trouble import KINDS, Killed, Run, troubled

TICK = timedelta(hours=6)
"""Deliveries, settlement and posting run so often; the daily timers at the first tick of a day."""

DAILY = ("audit", "publish", "close")


@dataclass(frozen=True, slots=True)
class At:
    """A trouble at one store call of one run: the first run of a service from a time on."""

    service: str
    since: datetime
    call: int
    kind: str

    def __str__(self) -> str:
        return f"{self.service} {self.since:%Y-%m-%dT%H:%MZ} {self.call} {self.kind}"

    @classmethod
    def read(cls, text: str) -> "At":
        """The inverse of `str`."""
        service, since, call, kind = text.split(" ", 3)
        return cls(service, datetime.fromisoformat(since), int(call), kind)


class Life:
    """Lives a month; `seed` decides everything."""

    def __init__(self, seed: int, *, calls: int = 8, at: At | None = None, stores: Any = None) -> None:
        self.random = Random(seed)
        self.simulated = SimulatedProduct(drawn(self.random, calls=calls), stores)
        self.at = at
        self.reached = False
        # Most lives have a trouble now and then, some none, some many.
        self.rate = 0.0 if at else self.random.choice([0.0, 0.001, 0.005, 0.02])
        self.closed: dict[str, bytes] = {}

    async def live(self) -> None:
        """From the first call until everything is billed; raises AssertionError where the end is not right."""
        now = START
        await self.simulated.begin()
        while now < END:
            self.simulated.arrive(now, now + TICK)
            now += TICK
            await self._tick(now)
        left = [order.command for order in self.simulated.operator.waiting]
        for _ in range(2 + max(map(left.count, COMMANDS))):
            self.simulated.arrive(now, now)
            for service in (*COMMANDS, *TIMERS):
                await self.simulated.run(service, now)
                self._check_closed_files()
        await check(self.simulated)

    async def _tick(self, now: datetime) -> None:
        due = [service for service in SERVICES if service not in DAILY or now.hour < 6]
        at_once = not self.at and self.random.random() < 0.3
        if at_once:  # old and new instances side by side, in any order
            twice = [*due, *self.random.sample(due, 2)]
            self.random.shuffle(twice)
            await asyncio.gather(*(self._run(service, now) for service in twice))
        else:
            for service in due:
                await self._run(service, now)
        if not self.at and self.random.random() < 0.05:
            self.simulated.in_memory.counter.days.clear()  # Redis was flushed
        self._check_closed_files()

    async def _run(self, service: str, now: datetime) -> None:
        run = Run(rate=self.rate, random=self.random)
        at = self.at
        if at is not None and not self.reached and at.service == service and now >= at.since:
            self.reached = True
            run = Run(at=at.call, kind=at.kind)
        async with troubled(run):
            with suppress(ChargebackError, Killed):  # the next run makes up for it
                await self.simulated.run(service, now, on=self._instance(service))
        await _end_of(run)

    def _instance(self, service: str) -> int:
        """Where a run is: commands beside the timers, or both anywhere."""
        return int(service in COMMANDS) if self.at else self.random.randrange(2)

    def _check_closed_files(self) -> None:
        files = dict(self.simulated.in_memory.closed.files)
        assert {path: files.get(path) for path in self.closed} == self.closed, "a closed file has changed"
        self.closed = files


class Inline(asyncio.SelectorEventLoop):
    """Does in the loop itself what is given to threads, so that the seed alone decides what comes first."""

    def run_in_executor(self, executor: Any, work: Any, *given: Any) -> Any:
        done = self.create_future()
        try:
            done.set_result(work(*given))
        except Exception as error:  # noqa: BLE001 it is for whoever waits
            done.set_exception(error)
        return done


def run_alone(work: Coroutine[Any, Any, None]) -> None:
    """Run in a loop of its own."""
    with asyncio.Runner(loop_factory=Inline) as runner:
        runner.run(work)


async def _end_of(run: Run) -> None:
    """What a killed process had under way ends with it."""
    if run.is_dead:
        for _ in range(20):
            await asyncio.sleep(0)


@cache
def busiest(seed: int, *, calls: int) -> Mapping[str, tuple[datetime, int]]:
    """For each service, the run that makes the most store calls in a life without trouble: when, and how many."""
    found: dict[str, tuple[datetime, int]] = dict.fromkeys(SERVICES, (START, 0))

    class Spied(Life):
        async def _run(self, service: str, now: datetime) -> None:
            run = Run()
            async with troubled(run):
                await self.simulated.run(service, now, on=self._instance(service))
            if run.calls > found[service][1]:
                found[service] = now, run.calls

    run_alone(Spied(seed, calls=calls, at=At("", START, 0, "")).live())
    return found


def each_call(seed: int, *, calls: int = 3) -> list[At]:
    """A trouble of each kind at each store call of the busiest run of each service."""
    return [
        At(service, since, call, kind)
        for service, (since, made) in busiest(seed, calls=calls).items()
        for call in range(made)
        for kind in KINDS
    ]


def live(seed: int, *, at: At | None = None, calls: int = 8, make: Callable[..., Life] = Life) -> None:
    """One life. Raises `LifeFailed`, which says how to live it again."""
    try:
        run_alone(make(seed, calls=calls, at=at).live())
    except Exception as error:
        again = f'--calls {calls} --at "{at}"' if at else "--lives 1"
        raise LifeFailed(f"python -m tests.simulation --seed {seed} {again}\n{error!r}"[:3000]) from error


class LifeFailed(Exception):
    """A life did not end as it must; the text says how to live it again."""
