"""The ports for the outbox: every alert as one document, from its raising to its last telling, and every digest.

Every method may raise `StoreUnavailable`. Where the answer to a write is lost, the write may have happened.
"""

from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from chargeback.domain.alerts.alert import Alert
from chargeback.domain.alerts.digests import AlertDigest
from chargeback.domain.alerts.kinds import AlertKind

DUE_AT_ONCE = 100
"""How many documents `due` gives at most."""

Backlog = dict[str, tuple[int, datetime]]
"""Channel → how many alerts it should have been told, and since when the first of them."""


class KeptAlert(NamedTuple):
    """An alert with the token of its latest write."""

    alert: Alert
    token: str


class KeptDigest(NamedTuple):
    """A digest with the token of its latest write."""

    digest: AlertDigest
    token: str


class Outbox(Protocol):
    """Where alerts are kept."""

    async def create(self, alert: Alert) -> KeptAlert | None:
        """Keep a new alert; None where one with its id is kept already, which stays as it is."""

    async def get(self, alert_id: str) -> KeptAlert | None:
        """One alert."""

    async def swap(self, alert: Alert, after: str) -> KeptAlert:
        """Replace an alert. Raises `Superseded` if `after` is not the token of its latest write."""

    async def standing(self, kind: AlertKind | None = None) -> list[KeptAlert]:
        """The alerts of a kind, or of all, that may still be taken back or end (`Alert.stands`)."""

    async def due(self, channel: str, now: datetime) -> list[KeptAlert]:
        """The alerts of which a channel is to be told something now or earlier, the longest waiting first.

        At most `DUE_AT_ONCE`.
        """

    async def waiting_for(self, digest_id: str) -> list[KeptAlert]:
        """The alerts of which a turn waits to be told in a digest."""

    async def channels_waiting(self, now: datetime) -> Backlog:
        """What each channel should have been told by now, though it may be tried again only later."""

    def between(self, since: datetime, until: datetime) -> AsyncIterator[list[Alert]]:
        """The alerts that were raised in a span, the latest first, page by page."""


class Digests(Protocol):
    """Where digests are kept."""

    async def create(self, digest: AlertDigest) -> KeptDigest | None:
        """Keep a new digest; None where one with its id is kept already, which stays as it is."""

    async def get(self, digest_id: str) -> KeptDigest | None:
        """One digest."""

    async def swap(self, digest: AlertDigest, after: str) -> KeptDigest:
        """Replace a digest. Raises `Superseded` if `after` is not the token of its latest write."""

    async def due(self, channel: str, now: datetime) -> list[KeptDigest]:
        """The digests of which something is to be done now or earlier, the longest waiting first."""

    async def channels_waiting(self, now: datetime) -> Backlog:
        """What each channel should have been told by now in digests; the number is that of their alerts."""


class DueAlerts(Protocol):
    """Says that alerts are due, so that somebody tells them at once; what is never said is found a minute later."""

    async def announce(self, alert_ids: Collection[str]) -> None:
        """Say it of each of them. Raises `StoreUnavailable` where that failed for some."""


def backlog(waits: Iterable[tuple[str, int, datetime]], now: datetime) -> Backlog:
    """What waits by now, by channel; `waits`: channel, number of alerts, and since when each of them waits."""
    found: Backlog = {}
    for channel, number, since in waits:
        if since <= now:
            known, first = found.get(channel, (0, since))
            found[channel] = known + number, min(since, first)
    return found
