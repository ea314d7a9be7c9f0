"""Whether every store answers, so that the product can do its work."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from chargeback.domain.errors import StoreUnavailable
from chargeback.services.running.together import together

TIMEOUT_SECONDS = 5.0
FRESH_SECONDS = 1.0


class Pinged(Protocol):
    """A store that can be asked for a sign of life."""

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the store answers."""


@dataclass(frozen=True, slots=True)
class Health:
    """The answer of each store: an empty string, or what is wrong with it."""

    faults: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.faults.values())


class Probe:
    """Asks every store at once."""

    def __init__(self, stores: Mapping[str, Pinged]) -> None:
        self._stores = dict(stores)
        self._asking: asyncio.Task[Health] | None = None
        self._asked = 0.0

    async def check(self) -> Health:
        """The state of the stores, at most a second old: however many ask, the stores are asked once."""
        loop = asyncio.get_running_loop()
        if self._asking is None or self._asking.get_loop() is not loop or loop.time() - self._asked > FRESH_SECONDS:
            self._asked = loop.time()
            self._asking = loop.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Health:
        faults = await together(*(_fault(store) for store in self._stores.values()))
        return Health(dict(zip(self._stores, faults, strict=True)))


async def _fault(store: Pinged) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await store.ping()
    except StoreUnavailable as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    return ""
