"""The entries of the audit log in memory."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import msgspec

from chargeback.domain.audit_log.entry import EntryPhase, KeptEntry, entry_id, text_of_phase

_PAGE = 100


class MemoryAuditEntries:
    """See `services.ports.audit_entries.AuditEntries`; `documents` is what somebody with rights could change."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}

    async def create(self, entry: KeptEntry) -> bool:
        """Keep a new entry; False where there is one."""
        if entry.id in self.documents:
            return False
        self.documents[entry.id] = msgspec.to_builtins(entry)
        return True

    async def get(self, number: int) -> Mapping[str, Any] | None:
        """The document of an entry."""
        return self.documents.get(entry_id(number))

    async def last(self) -> Mapping[str, Any] | None:
        """The document with the greatest id."""
        return self.documents[max(self.documents)] if self.documents else None

    async def forwards(self) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Every document in the order of its id."""
        async for page in self._pages(sorted(self.documents)):
            yield page

    async def backwards(
        self, before: int | None = None, phases: Collection[EntryPhase] = ()
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Every document, or those before a number or of some phases, the latest first."""
        ids = [each for each in self.documents if before is None or each < entry_id(before)]
        if phases:
            texts = [text_of_phase(each) for each in phases]
            ids = [each for each in ids if any(text in str(self.documents[each].get("text")) for text in texts)]
        async for page in self._pages(sorted(ids, reverse=True)):
            yield page

    async def _pages(self, ids: list[str]) -> AsyncIterator[list[Mapping[str, Any]]]:
        found = [self.documents[each] for each in ids]
        for start in range(0, len(found), _PAGE):
            yield list(found[start : start + _PAGE])
