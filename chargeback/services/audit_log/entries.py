"""Reads entries of the audit log, the latest first; what cannot be read as an entry is the verification's to tell."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from chargeback.domain.audit_log.entry import (
    BEFORE_THE_FIRST,
    AuditEntry,
    EntryPhase,
    KeptEntry,
    entry_id,
    entry_in,
    hash_of,
)
from chargeback.services.ports.audit_entries import AuditEntries

_OF_ACTS = tuple(phase for phase in EntryPhase if phase is not EntryPhase.READ)


async def entries_since(
    entries: AuditEntries, since: datetime, before: int | None = None, *, with_reads: bool = True
) -> AsyncIterator[AuditEntry]:
    """The entries from the latest on, or from before a number, until one that is older than `since`.

    Without reads they are left where they are kept: there are many times as many of them as acts.
    """
    async for page in entries.backwards(before, () if with_reads else _OF_ACTS):
        for document in page:
            try:
                entry = entry_in(msgspec.convert(dict(document), KeptEntry))
            except msgspec.MsgspecError:
                continue
            if entry.at < since:
                return
            yield entry


@dataclass(frozen=True, slots=True)
class LinkedEntry:
    """An entry and how it hangs together with those beside it.

    Attributes:
        hash: as it is kept.
        is_whole: its text has that hash, it names the hash of the entry before, and the entry after names its own.
    """

    entry: AuditEntry
    hash: str
    is_whole: bool


async def linked_entry(entries: AuditEntries, number: int) -> LinkedEntry | None:
    """An entry by its number; None where there is none that can be read."""
    kept = _kept(await entries.get(number))
    if kept is None:
        return None
    try:
        entry = entry_in(kept)
    except msgspec.MsgspecError:
        return None
    before = _kept(await entries.get(number - 1)) if number > 1 else None
    after = _kept(await entries.get(number + 1))
    expected = BEFORE_THE_FIRST if number == 1 else before.hash if before else ""
    is_itself = (kept.id, entry.number, kept.hash) == (entry_id(number), number, hash_of(kept.text))
    return LinkedEntry(entry, kept.hash, is_itself and entry.previous == expected and _follows(after, kept.hash))


def _follows(after: KeptEntry | None, digest: str) -> bool:
    """Whether the entry after has the hash of this one; the last one has none after it."""
    if after is None:
        return True
    try:
        return entry_in(after).previous == digest
    except msgspec.MsgspecError:
        return False


def _kept(document: Mapping[str, Any] | None) -> KeptEntry | None:
    try:
        return msgspec.convert(dict(document), KeptEntry) if document is not None else None
    except msgspec.MsgspecError:
        return None
