"""The audit log: an entry before each change and one after it, and every read of the data of others."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec

from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.audit_log.entry import ActOutcome, AuditEntry, DataRead, EntryPhase
from chargeback.domain.errors import StoreUnavailable
from chargeback.log_line import log_line
from chargeback.services.audit_log.chain_writer import ChainWriter
from chargeback.services.audit_log.open_act import OpenAct, under_way
from chargeback.services.ports.audit_entries import AuditEntries
from chargeback.services.usage.commit import GroupCommit

log = logging.getLogger(__name__)

LONGEST_TEXT = 2_000
"""How many characters of a reason, of what was asked for, and of an error are kept."""

MOST_READS = 50
"""How many reads one entry holds."""

LONGEST_WAIT = 10.0
"""How many seconds an answer waits for its entry; a log that takes longer is away."""


class AuditLog:
    """Writes the log of one process."""

    def __init__(self, entries: AuditEntries, clock: Callable[[], datetime]) -> None:
        self.entries = entries
        self._clock = clock
        self._chain = ChainWriter(entries)
        self._reads = GroupCommit(self._commit_reads, max_events=MOST_READS)

    @asynccontextmanager
    async def change(
        self, actor: Actor, act: Act, target: str, *, before: Mapping[str, Any] | None = None, reason: str = ""
    ) -> AsyncIterator[OpenAct]:
        """Somebody changes something; an exception within says that it failed.

        The log is written first: where that fails, `StoreUnavailable` is raised and nothing is changed.
        `before` and `OpenAct.after` are for what is no control document; those are recorded where they are written.
        """
        async with acting(lambda: self, actor, act, target, reason=reason) as opened:
            await opened.begin(before)
            yield opened

    @asynccontextmanager
    async def acting(self, actor: Actor, act: Act, target: str) -> AsyncIterator[OpenAct]:
        """Something runs that may change something, such as a timer: nothing is written unless it does."""
        async with acting(lambda: self, actor, act, target) as opened:
            yield opened

    async def read(self, actor: Actor, what: str, of: str, asked: str = "") -> None:
        """Somebody reads data of others: returns when it is written. Reads at the same time share an entry.

        Raises `StoreUnavailable` where that takes too long; the entry may be written all the same.
        """
        found = DataRead(self._clock(), actor, str(what), of[:LONGEST_TEXT], asked[:LONGEST_TEXT])
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._reads.submit(msgspec.json.encode(found))
        except TimeoutError:
            raise StoreUnavailable(f"the audit log: it did not take a read within {LONGEST_WAIT:g} s") from None

    async def _commit_reads(self, encoded: Sequence[bytes]) -> None:
        reads = tuple(msgspec.json.decode(each, type=DataRead) for each in encoded)
        await self.write(EntryPhase.READ, reads=reads)

    async def conclude(self, begun: AuditEntry, outcome: ActOutcome, *, documents: Mapping[str, str]) -> None:
        """Write how an act ended that another process began."""
        same = {"actor": begun.actor, "act": begun.act, "target": begun.target, "began": begun.number}
        await self.write(EntryPhase.CONCLUDED, outcome=outcome.value, documents=documents, **same)

    async def write(self, phase: EntryPhase, **more: Any) -> AuditEntry:
        """Add an entry with some of its attributes; `OpenAct` and this class alone do so."""
        return await self._chain.add(
            lambda number, previous: AuditEntry(
                number=number, previous=previous, at=self._clock(), writer=self._chain.name, phase=phase, **more
            )
        )


@asynccontextmanager
async def acting(
    log_of: Callable[[], AuditLog], actor: Actor, act: str, target: str, *, reason: str = ""
) -> AsyncIterator[OpenAct]:
    """As `AuditLog.acting`, over a log that is made only when there is something to write."""

    async def write(phase: EntryPhase, **more: Any) -> AuditEntry:
        return await log_of().write(phase, **more)

    opened = OpenAct(write, actor, str(act), target, reason[:LONGEST_TEXT])
    outer = under_way.set(opened)
    try:
        yield opened
    except Exception as error:
        await _conclude(opened, ActOutcome.FAILED, f"{type(error).__name__}: {error}"[:LONGEST_TEXT])
        raise
    else:
        await _conclude(opened, ActOutcome.DONE)
    finally:
        under_way.reset(outer)


async def _conclude(opened: OpenAct, outcome: ActOutcome, error: str = "") -> None:
    """Write how an act ended. It did end, so a failure here is not the act's: a later run concludes it."""
    if opened.began is None:
        return
    more = {"outcome": outcome.value, "after": opened.after, "documents": opened.documents, "error": error}
    try:
        await asyncio.shield(opened.note(EntryPhase.CONCLUDED, **more))
    except StoreUnavailable as failure:
        log_line(log, "act_not_concluded", level=logging.WARNING, entry=opened.began, act=opened.act, reason=failure)
