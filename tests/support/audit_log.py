"""Entries of the audit log, and somebody who acts."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity, Requester
from chargeback.domain.audit_log.actor import Actor, RequestSource
from chargeback.domain.audit_log.chain import Anchor, ChainCheck, ChainFault
from chargeback.domain.audit_log.entry import BEFORE_THE_FIRST, AuditEntry, EntryPhase, KeptEntry, entry_in, keep
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.services.ports.audit_entries import AuditEntries

NOW = datetime(2026, 3, 14, 6, 0, tzinfo=UTC)

KIM = Actor.of(
    Requester(Identity("tenant", "kim"), "Kim Ito", frozenset({AppRole.FINANCE})),
    RequestSource("api", "request-1", "203.0.113.7", "curl/8"),
)


def ticking(start: datetime = NOW) -> Callable[[], datetime]:
    """A clock that moves on by a second each time that it is read."""
    seconds = count()
    return lambda: start + timedelta(seconds=next(seconds))


def chain(length: int) -> Iterator[KeptEntry]:
    """A log of some entries."""
    previous = BEFORE_THE_FIRST
    for number in range(1, length + 1):
        kept = keep(
            AuditEntry(
                number=number,
                previous=previous,
                at=NOW,
                writer="w",
                phase=EntryPhase.BEGUN,
                actor=KIM,
                act="period.approve",
                target=f"period:{number}",
            )
        )
        previous = kept.hash
        yield kept


def anchor_of(kept: KeptEntry) -> Anchor:
    return Anchor(number=int(kept.id), hash=kept.hash, at=NOW)


def some_log() -> AuditLog:
    """A log for whoever needs one and does not look into it."""
    return AuditLog(MemoryAuditEntries(), ticking())


async def entries_in(entries: AuditEntries) -> list[AuditEntry]:
    """Every entry."""
    return [entry_in(KeptEntry(**document)) async for page in entries.forwards() for document in page]


async def faults_in(entries: AuditEntries, anchors: dict[str, Anchor] | None = None) -> list[ChainFault]:
    """What is wrong with a log."""
    check = ChainCheck(anchors or {})
    async for page in entries.forwards():
        for document in page:
            check.see(document)
    return check.end()


def log_of(kept: list[KeptEntry]) -> MemoryAuditEntries:
    """Entries in a store."""
    entries = MemoryAuditEntries()
    for each in kept:
        entries.documents[each.id] = {"id": each.id, "text": each.text, "hash": each.hash}
    return entries
