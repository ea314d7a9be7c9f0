"""Adds entries to the one chain of the audit log, also while other processes do."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from chargeback.domain.audit_log.entry import BEFORE_THE_FIRST, AuditEntry, KeptEntry, keep
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.ports.audit_entries import AuditEntries

ATTEMPTS = 30
"""How often another process may be first; each time it has added an entry."""

_LOOKS = 5
"""How often an entry is looked for that must be there: a read may come from a copy that lags behind."""

_PAUSE = 0.05


class ChainWriter:
    """Numbers entries and links them. The store takes a number once, so two processes never write the same one."""

    def __init__(self, entries: AuditEntries) -> None:
        self.name = secrets.token_hex(8)
        """Names this process in its entries."""
        self._entries = entries
        self._head: tuple[int, str] | None = None
        self._lock = asyncio.Lock()

    async def add(self, make: Callable[[int, str], AuditEntry]) -> AuditEntry:
        """Add the entry that `make` gives for a number and the hash of the entry before.

        Raises `StoreUnavailable` where it is not certain that the entry is kept.
        """
        async with self._lock:
            for attempt in range(ATTEMPTS):
                number, previous = self._head or await self._latest()
                entry = make(number + 1, previous)
                kept = keep(entry)
                if await self._is_created(number + 1, kept):
                    self._head = number + 1, kept.hash
                    return entry
                self._head = None
                await asyncio.sleep(_PAUSE * min(attempt, 4) * secrets.randbelow(100) / 100)
        raise StoreUnavailable(f"the audit log: other processes were first {ATTEMPTS} times")

    async def _is_created(self, number: int, kept: KeptEntry) -> bool:
        """Whether the entry is ours, also where the answer was lost or an earlier try of the client went through."""
        try:
            if await self._entries.create(kept):
                return True
        except StoreUnavailable:
            self._head = None
            if (await self._entries.get(number) or {}).get("hash") == kept.hash:
                return True
            raise
        found = await self._found(number)
        return bool(found.get("hash") == kept.hash)

    async def _found(self, number: int) -> Mapping[str, Any]:
        """The document of a number that is taken."""
        for attempt in range(_LOOKS):
            if (found := await self._entries.get(number)) is not None:
                return found
            await asyncio.sleep(_PAUSE * 2**attempt)
        raise StoreUnavailable(f"the audit log: entry {number} is taken, and cannot be read")

    async def _latest(self) -> tuple[int, str]:
        """The number and the hash of the last entry."""
        found = await self._entries.last()
        if found is None:
            return 0, BEFORE_THE_FIRST
        try:
            kept = msgspec.convert(dict(found), KeptEntry)
            return int(kept.id), kept.hash
        except (msgspec.ValidationError, ValueError) as error:
            raise StoreUnavailable(f"the audit log: its last document is no entry: {found.get('id')!r}") from error
