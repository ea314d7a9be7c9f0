"""What is sent to a channel next: one turn of an alert, or a digest; and how it is marked how far that has come.

A mark is set on the latest state of the document, because others change the same document: another channel that is
told, or a source that no longer sees the matter.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from chargeback.domain.alerts.alert import TurnKind, with_telling
from chargeback.domain.alerts.message import AlertMessage, MessageEntry, entry_of, message_of
from chargeback.domain.alerts.telling import Telling
from chargeback.domain.errors import Superseded
from chargeback.services.ports.outbox import Digests, Outbox
from chargeback.services.running.together import together

Mark = Callable[[Telling], Telling | None]
"""How a telling changes; None: not at all."""

_READ_AT_ONCE = 16


class Letter(Protocol):
    """Something that a channel is to be told."""

    @property
    def id(self) -> str:
        """The alert or the digest that it is about."""

    async def message(self) -> AlertMessage | None:
        """What is sent, the same each time; None where nothing of it is kept any more."""

    async def mark(self, mark: Mark) -> Telling | None:
        """Change how far it has been told; None where that does not change."""


@dataclass(frozen=True, slots=True)
class AlertLetter:
    """One turn of an alert, told by itself."""

    outbox: Outbox
    id: str
    turn: TurnKind
    channel: str

    async def message(self) -> AlertMessage | None:
        """The turn."""
        kept = await self.outbox.get(self.id)
        return None if kept is None else message_of(kept.alert, self.turn, self.channel)

    async def mark(self, mark: Mark) -> Telling | None:
        """Change the telling of this turn in this channel."""
        while (kept := await self.outbox.get(self.id)) is not None:
            changed = mark(kept.alert.turns[self.turn].tellings[self.channel])
            if changed is None:
                return None
            try:
                await self.outbox.swap(with_telling(kept.alert, self.turn, self.channel, changed), kept.token)
            except Superseded:
                continue
            return changed
        return None


@dataclass(frozen=True, slots=True)
class DigestLetter:
    """A digest."""

    outbox: Outbox
    digests: Digests
    id: str

    async def message(self) -> AlertMessage | None:
        """Its members, as far as their alerts are kept."""
        kept = await self.digests.get(self.id)
        if kept is None:
            return None
        room = asyncio.Semaphore(_READ_AT_ONCE)

        async def entry(alert_id: str, turn: TurnKind) -> MessageEntry | None:
            async with room:
                found = await self.outbox.get(alert_id)
            return entry_of(found.alert, turn) if found else None

        entries = await together(*(entry(*member) for member in kept.digest.members))
        return AlertMessage(self.id, tuple(each for each in entries if each), is_digest=True)

    async def mark(self, mark: Mark) -> Telling | None:
        """Change the telling of the digest."""
        while (kept := await self.digests.get(self.id)) is not None:
            changed = mark(kept.digest.telling)
            if changed is None:
                return None
            try:
                await self.digests.swap(replace(kept.digest, telling=changed), kept.token)
            except Superseded:
                continue
            return changed
        return None
