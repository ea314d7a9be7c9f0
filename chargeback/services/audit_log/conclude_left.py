"""Concludes acts whose process died: looks what became of each document that an act was about to replace."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from chargeback.domain.audit_log.entry import ActOutcome, AuditEntry, DocumentFate, EntryPhase
from chargeback.services.audit_log.audit_log import AuditLog
from chargeback.services.audit_log.entries import entries_since

DEAD_AFTER = timedelta(hours=6)
"""An act that began longer ago and has no end is over: a timer ends after half an hour, a command after hours.

One that ends later all the same concludes itself once more; the latest conclusion counts.
"""

LOOKS_BACK = timedelta(days=40)
"""How far back acts are looked for; each day's run looks again."""

StoredDigest = Callable[[str], Awaitable[str]]
"""The digest of a document, by kind and name, as it is stored now."""


async def conclude_left(log: AuditLog, stored_digest: StoredDigest, now: datetime) -> list[AuditEntry]:
    """Conclude what is left, the oldest first; returns the entries that began it."""
    begun: list[AuditEntry] = []
    ended: set[int | None] = set()
    latest: dict[int, dict[str, AuditEntry]] = {}
    async for entry in entries_since(log.entries, now - LOOKS_BACK, with_reads=False):
        if entry.phase is EntryPhase.CONCLUDED:
            ended.add(entry.began)
        elif entry.phase is EntryPhase.CHANGING and entry.began:
            latest.setdefault(entry.began, {}).setdefault(entry.document, entry)
        elif entry.phase is EntryPhase.BEGUN and entry.number not in ended and entry.at < now - DEAD_AFTER:
            begun.insert(0, entry)
    for entry in begun:
        announced = latest.get(entry.number, {})
        fates = {name: _fate(each, await stored_digest(name)).value for name, each in announced.items()}
        await log.conclude(entry, ActOutcome.DIED, documents=fates)
    return begun


def _fate(announced: AuditEntry, found: str) -> DocumentFate:
    before, after = announced.digests  # of an entry that announces a change
    if found == after:
        return DocumentFate.REPLACED
    return DocumentFate.KEPT if found == before else DocumentFate.UNKNOWN
