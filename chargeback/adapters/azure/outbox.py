"""Stores alerts and digests in Cosmos DB: one document each, in the container `alerts`, by `/type`.

Everything of a type lies in one partition, so that a list in the order of its times is one cheap query: there are
some thousand alerts a year, and a partition holds 20 GB (learn.microsoft.com/azure/cosmos-db/concepts-limits).
What is searched for stands beside the document, which has no index. A document leaves the container `KEPT` after its
last write, once nothing is to be done about it.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from azure.core import MatchConditions
from azure.cosmos import exceptions
from azure.cosmos.aio import ContainerProxy

from chargeback.adapters.azure.cosmos import is_step, translated_cosmos_errors, unless_lost
from chargeback.domain.alerts.alert import Alert
from chargeback.domain.alerts.digests import AlertDigest
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.log_line import log_line
from chargeback.services.ports.control import Document
from chargeback.services.ports.outbox import DUE_AT_ONCE, Backlog, KeptAlert, KeptDigest, backlog

log = logging.getLogger(__name__)

KEPT = timedelta(days=400)
"""Longer than a year, so that `alerts list` still has what happened at this time last year."""

_FOR_EVER = -1
_WAITING = "c.waitsSince <= @now"


class _Kept(Protocol):
    @property
    def id(self) -> str: ...


_T = TypeVar("_T", bound=_Kept)


class _Documents(Generic[_T]):
    """The documents of one type."""

    def __init__(self, container: ContainerProxy, of: type[_T], name: str, searched: Callable[[_T], Document]) -> None:
        self._container = container
        self._of = of
        self._name = name
        self._searched = searched

    async def create(self, document: _T) -> str | None:
        """The token of the new document; None where there is one."""
        async with translated_cosmos_errors(f"writing {document.id}"):
            try:
                written = await self._container.create_item(self._item(document))
            except exceptions.CosmosResourceExistsError:
                return None
        return str(written["_etag"])

    async def get(self, name: str) -> tuple[_T, str] | None:
        """The document with its token."""
        if is_step(name):
            return None
        async with translated_cosmos_errors(f"reading {name}"):
            try:
                found = await self._container.read_item(name, partition_key=self._name)
            except exceptions.CosmosResourceNotFoundError:
                return None
        return msgspec.convert(found["document"], self._of), str(found["_etag"])

    async def swap(self, document: _T, after: str) -> str:
        """The new token."""
        async with translated_cosmos_errors(f"writing {document.id}"), unless_lost(document.id):
            written = await self._container.replace_item(
                document.id, self._item(document), etag=after, match_condition=MatchConditions.IfNotModified
            )
        return str(written["_etag"])

    async def due(self, channel: str, now: datetime) -> list[tuple[_T, str]]:
        """What a channel is to be told, the longest waiting first."""
        due = f"c.dues[{json.dumps(channel)}]"
        where = f"{due} <= @now ORDER BY {due} OFFSET 0 LIMIT {DUE_AT_ONCE}"
        return await self.find(where, {"now": _time(now)})

    async def find(self, where: str, given: Mapping[str, Any]) -> list[tuple[_T, str]]:
        """The documents that a condition holds for."""
        found = []
        query = f"SELECT * FROM c WHERE c.type = @type AND {where}"  # noqa: S608 the conditions are those below
        async for page in self.pages(query, given):
            found += self.read(page)
        return found

    async def pages(self, query: str, given: Mapping[str, Any]) -> AsyncIterator[list[Any]]:
        """What a query finds, page by page; the limit of time is for each page."""
        pages = self._container.query_items(
            query,
            parameters=[{"name": f"@{name}", "value": value} for name, value in {**given, "type": self._name}.items()],
            partition_key=self._name,
            max_item_count=DUE_AT_ONCE,
        ).by_page()
        while True:
            async with translated_cosmos_errors(f"listing the outbox ({self._name})"):
                page = await anext(pages, None)
                if page is None:
                    return
                items = [item async for item in page]
            yield items

    def read(self, items: list[Document]) -> list[tuple[_T, str]]:
        """The documents of a page, without those that a newer version of the product wrote and this one cannot read."""
        found = []
        for item in items:
            try:
                found.append((msgspec.convert(item["document"], self._of), str(item["_etag"])))
            except msgspec.ValidationError as error:
                log_line(log, "alert_unreadable", level=logging.WARNING, about=str(item["id"]), reason=error)
        return found

    def _item(self, document: _T) -> Document:
        return {
            "id": document.id,
            "type": self._name,
            **self._searched(document),
            "document": msgspec.to_builtins(document),
        }


class CosmosOutbox:
    """See `services.ports.outbox.Outbox`."""

    def __init__(self, container: ContainerProxy) -> None:
        self._documents = _Documents(container, Alert, "alert", _searched_of_alert)

    async def create(self, alert: Alert) -> KeptAlert | None:
        """Keep a new alert; None where one with its id is kept."""
        token = await self._documents.create(alert)
        return None if token is None else KeptAlert(alert, token)

    async def get(self, alert_id: str) -> KeptAlert | None:
        """One alert."""
        found = await self._documents.get(alert_id)
        return None if found is None else KeptAlert(*found)

    async def swap(self, alert: Alert, after: str) -> KeptAlert:
        """Replace an alert, unless another run wrote first."""
        return KeptAlert(alert, await self._documents.swap(alert, after))

    async def standing(self, kind: AlertKind | None = None) -> list[KeptAlert]:
        """The alerts of a kind, or of all, that stand."""
        of_kind = " AND c.kind = @kind" if kind else ""
        found = await self._documents.find(f"c.stands = true{of_kind}", {"kind": kind.value} if kind else {})
        return [KeptAlert(*each) for each in found]

    async def due(self, channel: str, now: datetime) -> list[KeptAlert]:
        """What a channel is to be told, the longest waiting first."""
        return [KeptAlert(*each) for each in await self._documents.due(channel, now)]

    async def waiting_for(self, digest_id: str) -> list[KeptAlert]:
        """The alerts of which a turn waits for a digest."""
        found = await self._documents.find("ARRAY_CONTAINS(c.digests, @digest)", {"digest": digest_id})
        return [KeptAlert(*each) for each in found]

    async def channels_waiting(self, now: datetime) -> Backlog:
        """What each channel should have been told by now."""
        query = f"SELECT c.waits FROM c WHERE c.type = @type AND {_WAITING}"  # noqa: S608 a constant
        waits = []
        async for page in self._documents.pages(query, {"now": _time(now)}):
            waits += [
                (name, 1, datetime.fromisoformat(since)) for each in page for name, since in each["waits"].items()
            ]
        return backlog(waits, now)

    async def between(self, since: datetime, until: datetime) -> AsyncIterator[list[Alert]]:
        """The alerts that were raised in a span, the latest first."""
        query = (
            "SELECT * FROM c WHERE c.type = @type AND c.raised >= @since AND c.raised < @until ORDER BY c.raised DESC"
        )
        async for page in self._documents.pages(query, {"since": _time(since), "until": _time(until)}):
            yield [alert for alert, _ in self._documents.read(page)]


class CosmosDigests:
    """See `services.ports.outbox.Digests`."""

    def __init__(self, container: ContainerProxy) -> None:
        self._documents = _Documents(container, AlertDigest, "digest", _searched_of_digest)

    async def create(self, digest: AlertDigest) -> KeptDigest | None:
        """Keep a new digest; None where one with its id is kept."""
        token = await self._documents.create(digest)
        return None if token is None else KeptDigest(digest, token)

    async def get(self, digest_id: str) -> KeptDigest | None:
        """One digest."""
        found = await self._documents.get(digest_id)
        return None if found is None else KeptDigest(*found)

    async def swap(self, digest: AlertDigest, after: str) -> KeptDigest:
        """Replace a digest, unless another run wrote first."""
        return KeptDigest(digest, await self._documents.swap(digest, after))

    async def due(self, channel: str, now: datetime) -> list[KeptDigest]:
        """The digests that a channel is to be told, the longest waiting first."""
        return [KeptDigest(*each) for each in await self._documents.due(channel, now)]

    async def channels_waiting(self, now: datetime) -> Backlog:
        """What each channel should have been told by now in digests."""
        found = await self._documents.find(_WAITING, {"now": _time(now)})
        return backlog((waits for each, _ in found if (waits := each.waits)), now)


def _searched_of_alert(alert: Alert) -> Document:
    return {
        "kind": alert.matter.kind.value,
        "stands": alert.stands,
        "raised": _time(alert.raised.at),
        "digests": sorted(alert.digests_awaited),
        **_times(alert.dues, alert.waits, is_over=not alert.stands),
    }


def _searched_of_digest(digest: AlertDigest) -> Document:
    dues = {digest.channel: digest.due} if digest.due else {}
    return _times(dues, {channel: since for channel, _, since in filter(None, [digest.waits])}, is_over=True)


def _times(dues: Mapping[str, datetime], waits: Mapping[str, datetime], *, is_over: bool) -> Document:
    """When something is to be done, since when people wait for it, and how long the document is kept."""
    ttl = int(KEPT.total_seconds()) if is_over and not dues else _FOR_EVER
    return {
        "dues": {channel: _time(due) for channel, due in dues.items()},
        "waits": {channel: _time(since) for channel, since in waits.items()},
        "ttl": ttl,
        **({"waitsSince": _time(min(waits.values()))} if waits else {}),
    }


def _time(moment: datetime) -> str:
    """A time as text in UTC that sorts as the times do: always with all its digits."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
