"""The port for the audit log's entries, which are only ever added."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Protocol

from chargeback.domain.audit_log.entry import EntryPhase, KeptEntry


class AuditEntries(Protocol):
    """Where the entries are kept. Every method may raise `StoreUnavailable`; a write may have happened all the same."""

    async def create(self, entry: KeptEntry) -> bool:
        """Keep a new entry; False where one with its id is kept already, which stays as it is."""

    async def get(self, number: int) -> Mapping[str, Any] | None:
        """The document of an entry."""

    async def last(self) -> Mapping[str, Any] | None:
        """The document with the greatest id; another process may have written since."""

    def forwards(self) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Every document in the order of its id, page by page, with whatever stands in it."""

    def backwards(
        self, before: int | None = None, phases: Collection[EntryPhase] = ()
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Every document, or those before a number, the latest first, page by page.

        `phases` leaves out the entries of other phases, by what stands in their text, so that some may be among them.
        """
