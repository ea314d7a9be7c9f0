"""The outbox in memory, which behaves like the one in Cosmos DB."""

import secrets
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from chargeback.domain.alerts.alert import Alert
from chargeback.domain.alerts.digests import AlertDigest
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.errors import Superseded
from chargeback.services.ports.outbox import DUE_AT_ONCE, Backlog, KeptAlert, KeptDigest, backlog


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


_Kept = TypeVar("_Kept", bound=_Identified)


class _Documents(Generic[_Kept]):
    """Documents by id, each with a token."""

    def __init__(self) -> None:
        self.all: dict[str, tuple[_Kept, str]] = {}

    def create(self, document: _Kept) -> tuple[_Kept, str] | None:
        if document.id in self.all:
            return None
        return self._set(document)

    def swap(self, document: _Kept, after: str) -> tuple[_Kept, str]:
        known = self.all.get(document.id)
        if known is None or known[1] != after:
            raise Superseded(f"{document.id} was written by another run")
        return self._set(document)

    def _set(self, document: _Kept) -> tuple[_Kept, str]:
        self.all[document.id] = document, secrets.token_hex(4)
        return self.all[document.id]


class MemoryOutbox:
    """See `services.ports.outbox.Outbox`."""

    def __init__(self) -> None:
        self._documents: _Documents[Alert] = _Documents()

    @property
    def alerts(self) -> list[Alert]:
        """Every alert, in the order of their ids."""
        return [alert for _, (alert, _) in sorted(self._documents.all.items())]

    async def create(self, alert: Alert) -> KeptAlert | None:
        """Keep a new alert; None where one with its id is kept."""
        made = self._documents.create(alert)
        return KeptAlert(*made) if made else None

    async def get(self, alert_id: str) -> KeptAlert | None:
        """One alert."""
        found = self._documents.all.get(alert_id)
        return KeptAlert(*found) if found else None

    async def swap(self, alert: Alert, after: str) -> KeptAlert:
        """Replace an alert, unless another run wrote first."""
        return KeptAlert(*self._documents.swap(alert, after))

    async def standing(self, kind: AlertKind | None = None) -> list[KeptAlert]:
        """The alerts of a kind, or of all, that stand."""
        return [each for each in self._kept() if kind in (None, each.alert.matter.kind) and each.alert.stands]

    async def due(self, channel: str, now: datetime) -> list[KeptAlert]:
        """What a channel is to be told, the longest waiting first."""
        found = [
            each for each in self._kept() if each.alert.dues.get(channel, now) <= now and channel in each.alert.dues
        ]
        return sorted(found, key=lambda each: each.alert.dues[channel])[:DUE_AT_ONCE]

    async def waiting_for(self, digest_id: str) -> list[KeptAlert]:
        """The alerts of which a turn waits for a digest."""
        return [each for each in self._kept() if digest_id in each.alert.digests_awaited]

    async def channels_waiting(self, now: datetime) -> Backlog:
        """What each channel should have been told by now."""
        return backlog(((channel, 1, since) for each in self.alerts for channel, since in each.waits.items()), now)

    async def between(self, since: datetime, until: datetime) -> AsyncIterator[list[Alert]]:
        """The alerts that were raised in a span, a hundred a page."""
        found = sorted(
            (each for each in self.alerts if since <= each.raised.at < until), key=lambda each: each.raised.at
        )
        for start in range(0, len(found), 100):
            yield found[::-1][start : start + 100]

    def _kept(self) -> Iterable[KeptAlert]:
        return [KeptAlert(*found) for found in self._documents.all.values()]


class MemoryDigests:
    """See `services.ports.outbox.Digests`."""

    def __init__(self) -> None:
        self._documents: _Documents[AlertDigest] = _Documents()

    async def create(self, digest: AlertDigest) -> KeptDigest | None:
        """Keep a new digest; None where one with its id is kept."""
        made = self._documents.create(digest)
        return KeptDigest(*made) if made else None

    async def get(self, digest_id: str) -> KeptDigest | None:
        """One digest."""
        found = self._documents.all.get(digest_id)
        return KeptDigest(*found) if found else None

    async def swap(self, digest: AlertDigest, after: str) -> KeptDigest:
        """Replace a digest, unless another run wrote first."""
        return KeptDigest(*self._documents.swap(digest, after))

    async def due(self, channel: str, now: datetime) -> list[KeptDigest]:
        """The digests that a channel is to be told, the longest waiting first."""
        waiting = [
            (each.due, each.id) for each, _ in self._documents.all.values() if each.channel == channel and each.due
        ]
        return [KeptDigest(*self._documents.all[name]) for due, name in sorted(waiting) if due <= now]

    async def channels_waiting(self, now: datetime) -> Backlog:
        """What each channel should have been told by now in digests."""
        return backlog((waits for each, _ in self._documents.all.values() if (waits := each.waits)), now)


class MemoryDueAlerts:
    """What was announced, as a list."""

    def __init__(self) -> None:
        self.announced: list[str] = []

    async def announce(self, alert_ids: Iterable[str]) -> None:
        """Remember the ids."""
        self.announced += alert_ids
