"""Which runs are publishing drafts of a period: when several do at once, the latest goes on and the others stop.

A run takes itself off the list when it ends, so whoever closes the period knows that files of the others may still
appear. One that died is taken off two days later.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from chargeback.domain.errors import Superseded
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control

KIND = "draft"
DEAD_AFTER = timedelta(days=2)
MOST_ATTEMPTS = 20
"""Most runs kept without an end; if there are more, the first ones are dead, too."""


class Drafting(msgspec.Struct, frozen=True, rename="camel"):
    """The runs of one period that have begun and not ended.

    Attributes:
        attempts: by their names, which begin with the time of their beginning; the latest last.
        latest: the one that began last, also after its end.
        delivering: the attempts that may be giving open figures to the FinOps hub.
    """

    period: Month
    attempts: tuple[str, ...] = ()
    latest: str = ""
    delivering: tuple[str, ...] = ()


_TIME = "%Y%m%dT%H%M%S"
Change = Callable[[Drafting], Drafting]


class DraftAttempts:
    """The only owner of the documents of this kind."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def begin(self, period: Month, now: datetime) -> str:
        """The name of a new run; every other run of the period has to stop."""
        attempt = f"{now:{_TIME}}-{secrets.token_hex(4)}"
        await self._change(
            period, lambda known: replace(known, attempts=_latest(known.attempts, attempt), latest=attempt)
        )
        return attempt

    async def require_latest(self, period: Month, attempt: str) -> None:
        """Raise `Superseded` if another run began since."""
        known, _ = await self._get(period)
        if known.latest != attempt:
            raise Superseded(f"another run publishes {period}")

    async def deliver(self, period: Month, attempt: str) -> None:
        """Say that the hub gets open figures from now on."""
        await self._change(period, lambda known: replace(known, delivering=_latest(known.delivering, attempt)))

    async def end(self, period: Month, attempt: str) -> None:
        """Take a run off the list: it publishes no more files."""
        await self._keep(period, lambda each: each != attempt)

    async def forget_dead(self, period: Month, now: datetime) -> None:
        """Take the runs off the list that began so long ago that they must have died."""
        since = f"{now - DEAD_AFTER:{_TIME}}"
        await self._keep(period, lambda each: each > since)

    async def of(self, period: Month) -> Drafting:
        """The runs of a period."""
        return (await self._get(period))[0]

    async def unfinished(self) -> dict[str, Drafting]:
        """The runs that have not ended, by period."""
        found = [msgspec.convert(document, Drafting) for document in await self._control.all(KIND)]
        return {each.period: each for each in found if each.attempts or each.delivering}

    async def _keep(self, period: Month, is_alive: Callable[[str], bool]) -> None:
        def change(known: Drafting) -> Drafting:
            attempts, delivering = filter(is_alive, known.attempts), filter(is_alive, known.delivering)
            return replace(known, attempts=tuple(attempts), delivering=tuple(delivering))

        await self._change(period, change)

    async def _get(self, period: Month) -> tuple[Drafting, str | None]:
        known = await self._control.get_versioned(KIND, period)
        return (msgspec.convert(known[0], Drafting), known[1]) if known else (Drafting(period), None)

    async def _change(self, period: Month, change: Change) -> None:
        while True:
            known, token = await self._get(period)
            changed = change(known)
            if changed == known:
                return
            try:
                await self._control.swap(KIND, period, msgspec.to_builtins(changed), token)
            except Superseded:
                continue
            return


def _latest(attempts: tuple[str, ...], attempt: str) -> tuple[str, ...]:
    return (*attempts, attempt)[-MOST_ATTEMPTS:]
