"""What may happen at a store call: the process ends, or the call fails, before or after it had its effect.

The failures are those that ports promise, with what lies behind them: `unavailable` is a 429, a 503 or a timeout that
outlasted the client's own tries, `answer lost` a timeout or a 449 after the write, `superseded` a 412, and `too large`
a 413.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chargeback.domain.errors import RecordsRefused, StoreUnavailable, Superseded

KINDS = ("killed before", "killed after", "unavailable", "answer lost", "superseded", "too large")
CONDITIONAL = {"write", "put_summary", "swap", "note"}


class Killed(BaseException):
    """The process ended."""


@dataclass(slots=True)
class Run:
    """One run of a service: its calls so far, and what is to happen at one of them, or at any with some probability."""

    at: int | None = None
    kind: str = ""
    rate: float = 0.0
    random: Random = field(default_factory=Random)
    calls: int = 0
    is_dead: bool = False

    def now(self) -> str:
        """What happens at this call; empty: nothing."""
        if self.is_dead:
            raise Killed
        self.calls += 1
        if self.at is not None:
            return self.kind if self.calls - 1 == self.at else ""
        return self.random.choice(KINDS) if self.random.random() < self.rate else ""

    def die(self) -> None:
        """Nothing of this run reaches a store any more."""
        self.is_dead = True
        raise Killed


_run: ContextVar[Run | None] = ContextVar("run", default=None)


@asynccontextmanager
async def troubled(run: Run) -> AsyncIterator[None]:
    """Store calls within belong to this run, also those of the tasks that it starts."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


class Troubled:
    """A store whose calls may fail."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # a copy asks for these before it has a store
        found = getattr(self._store, name)
        if name == "create":
            return self._create
        if inspect.isasyncgenfunction(found):
            return lambda *given, **named: self._read(found, *given, **named)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*given: Any, **named: Any) -> Any:
            return await self._call(name, found, *given, **named)

        return call

    async def _call(self, name: str, work: Any, *given: Any, **named: Any) -> Any:
        run = _run.get()
        what = run.now() if run else ""
        await asyncio.sleep(0)  # another run may go on here
        if not what or run is None:
            return await work(*given, **named)
        if what == "too large" and name == "write" and given[4]:
            return await _without_the_first(work, *given)
        if what == "superseded" and name in CONDITIONAL:
            raise Superseded("another run wrote first")
        if what == "killed before":
            run.die()
        if what in ("killed after", "answer lost"):
            await work(*given, **named)
            if what == "killed after":
                run.die()
        raise StoreUnavailable(what)

    async def _read(self, work: Any, *given: Any, **named: Any) -> AsyncIterator[Any]:
        run = _run.get()
        what = run.now() if run else ""
        if what.startswith("killed") and run is not None:
            run.die()
        if what:
            raise StoreUnavailable(what)
        async for each in work(*given, **named):
            yield each

    @asynccontextmanager
    async def _create(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        run = _run.get()
        what = run.now() if run else ""
        async with self._store.create(*given, **named) as file:
            yield file
            if run is not None and what == "killed before":
                run.die()
            if what in ("unavailable", "superseded", "too large"):
                raise StoreUnavailable(what)
        if run is not None and what == "killed after":
            run.die()
        if what:
            raise StoreUnavailable(what)


async def _without_the_first(work: Any, day: str, shard: int, after: Any, posting: Any, records: Any) -> Any:
    written = await work(day, shard, after, posting, records[1:])
    raise RecordsRefused({records[0].record_id: "Request size is too large"}, written.token)
