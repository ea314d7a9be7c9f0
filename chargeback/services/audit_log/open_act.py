"""An act that is under way: whoever replaces a document finds it, and says first what is about to be replaced."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.audit_log.differences import differing_parts, document_digest
from chargeback.domain.audit_log.entry import AuditEntry, DocumentFate, EntryPhase

Write = Callable[..., Awaitable[AuditEntry]]
"""Adds an entry of a phase with some of its attributes."""


class OpenAct:
    """What somebody is doing.

    Attributes:
        after: what the act left, for one that changes something that is no document.
        target: to what; may be set until the act begins.
        documents: what became of each document so far.
    """

    def __init__(self, write: Write, actor: Actor, act: str, target: str, reason: str) -> None:
        self.after: Mapping[str, Any] | None = None
        self.target = target
        self.documents: dict[str, str] = {}
        self.began: int | None = None
        self.actor = actor
        self.act = act
        self._write = write
        self._reason = reason

    async def begin(self, before: Mapping[str, Any] | None = None) -> None:
        """Write that the act begins, unless that is written."""
        if self.began is None:
            entry = await self.note(EntryPhase.BEGUN, before=before, reason=self._reason)
            self.began = entry.number

    async def announce(self, document: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        """Write that a document is about to be replaced."""
        await self.begin()
        old, new = differing_parts(before, after)
        digests = document_digest(before), document_digest(after)
        await self.note(EntryPhase.CHANGING, document=document, before=old, after=new, digests=digests)
        self.documents[document] = DocumentFate.UNKNOWN.value

    async def note(self, phase: EntryPhase, **more: Any) -> AuditEntry:
        """Write an entry of this act."""
        return await self._write(phase, began=self.began, actor=self.actor, act=self.act, target=self.target, **more)


under_way: ContextVar[OpenAct | None] = ContextVar("under_way", default=None)
"""The act within which the code runs."""
