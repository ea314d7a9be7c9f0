"""Reads entries of the audit log, the latest first; what cannot be read as an entry is the verification's to tell."""

from collections.abc import AsyncIterator
from datetime import datetime

import msgspec

from chargeback.domain.audit_log.entry import AuditEntry, KeptEntry, entry_in
from chargeback.services.ports.audit_entries import AuditEntries


async def entries_since(entries: AuditEntries, since: datetime, before: int | None = None) -> AsyncIterator[AuditEntry]:
    """The entries from the latest on, or from before a number, until one that is older than `since`."""
    async for page in entries.backwards(before):
        for document in page:
            try:
                entry = entry_in(msgspec.convert(dict(document), KeptEntry))
            except msgspec.MsgspecError:
                continue
            if entry.at < since:
                return
            yield entry
