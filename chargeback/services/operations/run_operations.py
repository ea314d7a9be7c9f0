"""Does what people asked for, one thing after the other; what a killed run left is done again by a later one.

Two runs never do the same at once: whoever works on an operation says so for some minutes, and says it again meanwhile.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from chargeback.domain.errors import ChargebackError, StoreUnavailable, Superseded
from chargeback.log_line import log_line
from chargeback.services.operations.operation import OperationKind, OperationRecord, Operations, OperationState
from chargeback.services.running.bulkheads import reason_of

log = logging.getLogger(__name__)

OPERATION_LEASE = timedelta(minutes=5)
"""After so long without a sign, whoever works on an operation is treated as dead."""

SIGN_SECONDS = 60.0

MOST_TRIES = 10
"""After so many an operation has failed: what ended each of them is for people to look at."""

OperationWork = Callable[[OperationRecord], Awaitable[Mapping[str, str]]]
"""Does one kind of operation, also where an earlier try did a part of it or all; tells what came of it."""


@dataclass(frozen=True, slots=True)
class OperationRunner:
    """Runs operations.

    Attributes:
        clock: what time it is, UTC.
    """

    operations: Operations
    works: Mapping[OperationKind, OperationWork]
    clock: Callable[[], datetime]

    async def run_waiting(self) -> list[OperationRecord]:
        """Do what waits, in order; those that ended now."""
        ended = []
        for id_ in await self.operations.waiting():
            begun = await self._claim(id_)
            if begun is not None:
                ended += await self._run(begun)
        return ended

    async def _claim(self, id_: str) -> OperationRecord | None:
        """The operation, begun by this run; None where there is nothing to do now."""
        known, token = await self.operations.get(id_)
        now = self.clock()
        if known.state.is_over:
            await self.operations.take_off(id_)  # a run that was killed before it did
            return None
        if known.until is not None and now < known.until:
            return None
        if known.tries >= MOST_TRIES:
            reason = f"it was begun {MOST_TRIES} times and never came to an end; the log has what ended it"
            await self._put(
                replace(known, state=OperationState.FAILED, until=None, error=("Interrupted", reason)), token
            )
            return None
        begun = replace(
            known, state=OperationState.RUNNING, tries=known.tries + 1, until=now + OPERATION_LEASE, changed_at=now
        )
        return begun if await self._put(begun, token) else None

    async def _run(self, begun: OperationRecord) -> list[OperationRecord]:
        signing = asyncio.create_task(self._give_signs(begun))
        try:
            after = await self._outcome(begun)
        finally:
            signing.cancel()
            await asyncio.gather(signing, return_exceptions=True)
        if not await self._conclude(begun, replace(after, until=None, changed_at=self.clock())):
            return []
        if not after.state.is_over:
            return []
        _say(after)
        return [after]

    async def _give_signs(self, begun: OperationRecord) -> None:
        """Say again and again that the operation is worked on."""
        while True:
            await asyncio.sleep(SIGN_SECONDS)
            with suppress(StoreUnavailable, Superseded):  # the next sign is soon enough
                known, token = await self.operations.get(begun.id)
                if known.tries != begun.tries:
                    return
                await self.operations.put(replace(begun, until=self.clock() + OPERATION_LEASE), token)

    async def _conclude(self, begun: OperationRecord, after: OperationRecord) -> bool:
        """Write how the operation ended, unless another run took it over."""
        while True:
            known, token = await self.operations.get(begun.id)
            if known == after:
                return True  # the answer to our own write was lost
            if known.state.is_over or known.tries != begun.tries:
                return False
            if await self._put(after, token):
                return True

    async def _outcome(self, begun: OperationRecord) -> OperationRecord:
        try:
            result = await self.works[begun.order.kind](begun)
        except (StoreUnavailable, Superseded) as error:
            log_line(log, "operation_waits", level=logging.WARNING, operation=begun.id, reason=reason_of(error))
            return replace(begun, state=OperationState.NOT_STARTED)
        except ChargebackError as error:
            return replace(begun, state=OperationState.FAILED, error=(type(error).__name__, str(error)))
        except Exception as error:  # noqa: BLE001 whatever is wrong with one, the others are done
            log_line(log, "operation_broke", level=logging.ERROR, operation=begun.id, reason=reason_of(error))
            message = f"something failed here, and the log says what: look for the operation {begun.id}"
            return replace(begun, state=OperationState.FAILED, error=("InternalError", message))
        return replace(begun, state=OperationState.SUCCEEDED, result=dict(result))

    async def _put(self, operation: OperationRecord, token: str) -> bool:
        """Whether it is written; else another run took the operation over."""
        try:
            await self.operations.put(operation, token)
        except Superseded:
            return False
        return True


def _say(operation: OperationRecord) -> None:
    log_line(
        log,
        "operation_ended",
        about=operation.id,
        operation=operation.id,
        kind=operation.order.kind.value,
        period=operation.order.period,
        state=operation.state.value,
        by=operation.order.by,
        reason="" if operation.error is None else f"{operation.error[0]}: {operation.error[1]}",
    )
