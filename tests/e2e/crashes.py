"""A process that kills itself before the n-th step that it takes on a store."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from chargeback.bootstrap import Container
from chargeback.settings import read_settings

IMPORTED = (
    "azure.identity.aio",
    "chargeback.adapters.azure.cosmos",
    "chargeback.adapters.azure.ledger",
    "chargeback.adapters.azure.objects",
    "chargeback.adapters.azure.quarantine",
    "chargeback.adapters.config.applied",
    "chargeback.adapters.recording.control",
    "chargeback.adapters.redis.counter",
    "chargeback.adapters.viewing.control",
    "chargeback.services.usage.post",
    "duckdb",
)
"""What jobs import late, as the product does, which takes 0.7 s for each that is started without them."""

STORES = ("ledger", "counter", "books", "control", "quarantine")


class Fuse:
    """Counts the steps of a process and ends it with SIGKILL before step `at` (0 is the first)."""

    def __init__(self, at: int) -> None:
        self.steps = 0
        self._at = at

    def burn(self) -> None:
        if self.steps == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps += 1


class Fused:
    """A store on which every call is a step."""

    def __init__(self, store: Any, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._fuse.burn()
            return found(*arguments, **named)

        return call


Job = Callable[[Container], Any]


def run(environment: dict[str, str], log: Path, job: str, arguments: Sequence[Any], at: int) -> None:
    """Do a job in this process until the fuse burns; each finished part is a line in `log`."""
    os.environ.update(environment)
    asyncio.run(_run(log, job, arguments, Fuse(at)))


async def _run(log: Path, job: str, arguments: Sequence[Any], fuse: Fuse) -> None:
    container = Container(read_settings())
    for name in STORES:
        container.__dict__[name] = Fused(getattr(container, name), fuse)
    with log.open("a", buffering=1) as done:
        if job == "ingest":
            batches, now = arguments
            for number, batch in enumerate(batches):
                await container.ingest.ingest(batch, now)
                done.write(f"{number}\n")
        else:
            (now,) = arguments
            assert isinstance(now, datetime)
            await container.poster.post(now)
            done.write("posted\n")
    for name in STORES:
        container.__dict__.pop(name)
    await container.close()
