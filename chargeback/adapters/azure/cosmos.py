"""Stores the books and the control documents in Cosmos DB.

A shard of a day is written with transactional batches: the fence document and up to 90 records, all or nothing.
Limits: 100 operations, 2 MB and 5 s a batch (learn.microsoft.com/azure/cosmos-db/nosql/transactional-batch).
Documents are sent as compact UTF-8, so what `msgspec` encodes has the size that goes over the wire: the client's own
form escapes what is not ASCII, and then a batch may be three times as long.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.cosmos import exceptions
from azure.cosmos.aio import ContainerProxy, CosmosClient

from chargeback.adapters.azure.transport import ClosingTransport
from chargeback.adapters.failures import first_line
from chargeback.domain.errors import RecordsRefused, StoreUnavailable, Superseded
from chargeback.domain.rating.usage_record import UsageRecord, from_document, ndjson, to_document
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.books import SUMS, Posting, View
from chargeback.services.ports.control import Document

MAX_BATCH_BYTES = 1_500_000

CALL_SECONDS = 20.0
"""How long one call may take with all that the client does by itself: it waits out throttling, signs in, and tries a
store that hangs three times over. A hang is told within this time, well inside the 30 s of Event Grid.
"""

_TOO_LARGE = 413
_AGAIN = {408, 429, 449, 503}
_LOST = {404, 409, 412}
_ATTEMPTS = 8


def connect(endpoint: str, credential: AsyncTokenCredential) -> CosmosClient:
    """A client that waits out throttling (429 with Retry-After) for up to 15 s a request.

    A single attempt ends after 5 s without an answer; the client's own limit is 65 s
    (azure.cosmos.documents.ConnectionPolicy).
    """
    return CosmosClient(
        endpoint,
        credential,
        transport=ClosingTransport(),
        connection_timeout=5,
        read_timeout=5,
        retry_throttle_total=20,
        retry_throttle_backoff_max=15,
        enable_compact_utf8_item_writes=True,
    )


class CosmosBooks:
    """Usage records by day; see `services.ports.books.Books`."""

    shards = 8

    def __init__(self, container: ContainerProxy) -> None:
        self._container = container

    async def postings(self, day: UtcDay) -> dict[int, Posting]:
        """The fences of the day's shards."""
        found: dict[int, Posting] = {}
        async with translated_cosmos_errors(f"reading the fences of {day}"):
            async for document in self._query(day, "posting"):
                found[document["shard"]] = _posting(document)
        return found

    async def postings_of(self, days: Collection[UtcDay]) -> dict[UtcDay, dict[int, Posting]]:
        """The fences of several days: one question over all their partitions."""
        found: dict[UtcDay, dict[int, Posting]] = {}
        if not days:
            return found
        names = [f"@day{number}" for number in range(len(days))]
        asked = self._container.query_items(
            "SELECT c.day, c.shard, c.epoch, c.catalogue, c._etag FROM c"  # noqa: S608 names of parameters
            f" WHERE c.kind = @kind AND c.day IN ({', '.join(names)})",
            parameters=[_value("@kind", "posting"), *map(_value, names, days)],
            max_item_count=1000,
        )
        async with translated_cosmos_errors(f"reading the fences of {len(days)} days from {min(days)}"):
            async for document in asked:
                found.setdefault(document["day"], {})[document["shard"]] = _posting(document)
        return found

    async def write(
        self,
        day: UtcDay,
        shard: int,
        after: Posting | None,
        posting: tuple[str | None, str],
        records: Sequence[UsageRecord],
    ) -> Posting:
        """Set the records and the fence, unless another run wrote first."""
        epoch, catalogue = posting
        fence = {
            "id": f"posting-{shard}",
            "day": day,
            "kind": "posting",
            "shard": shard,
            "epoch": epoch,
            "catalogue": catalogue,
        }
        token = after.token if after else None
        refused: dict[str, str] = {}
        waiting = _batches([to_document(record) for record in records])
        while waiting:
            documents = waiting.pop(0)
            try:
                token = await self._write_batch(day, fence, token, documents)
            except _TooLargeError as error:
                if len(documents) > 1:
                    middle = len(documents) // 2
                    waiting[:0] = [documents[:middle], documents[middle:]]
                    continue
                refused[documents[0]["id"]] = str(error)
                if not waiting and token == (after.token if after else None):
                    waiting.append([])  # the fence alone
        assert token is not None
        if refused:
            raise RecordsRefused(refused, token)
        return Posting(epoch, catalogue, token)

    async def _write_batch(self, day: UtcDay, fence: Document, token: str | None, documents: list[Document]) -> str:
        operations: list[Any] = [
            ("create", (fence,)) if token is None else ("replace", (fence["id"], fence), {"if_match_etag": token})
        ]
        operations += [("upsert", (document,)) for document in documents]
        for attempt in range(1, _ATTEMPTS + 1):
            async with translated_cosmos_errors(f"posting {day}"):
                try:
                    results = await self._container.execute_item_batch(operations, partition_key=day)
                except (exceptions.CosmosBatchOperationError, exceptions.CosmosHttpResponseError) as error:
                    await _wait_or_raise(error, attempt, f"shard {fence['shard']} of {day}")
                else:
                    return str(results[0]["eTag"])
        raise StoreUnavailable(f"Cosmos DB, posting {day}: throttled {_ATTEMPTS} times")

    async def records(self, day: UtcDay) -> AsyncIterator[Sequence[UsageRecord]]:
        """The day's records, a thousand a page."""
        async for page in self._pages(day):
            yield [from_document(document) for document in page]

    async def records_of(self, day: UtcDay, line_ids: Sequence[str]) -> Sequence[UsageRecord]:
        """The day's records of these lines."""
        if not line_ids:
            return ()
        names = [f"@id{number}" for number in range(len(line_ids))]
        found = self._container.query_items(
            f"SELECT * FROM c WHERE c.day = @day AND c.id IN ({', '.join(names)})",  # noqa: S608 names of parameters
            parameters=[_value("@day", day), *map(_value, names, line_ids)],
            partition_key=day,
            max_item_count=1000,
        )
        async with translated_cosmos_errors(f"reading records of {day}"):
            return [from_document(document) async for document in found]

    async def count_records(self, day: UtcDay) -> int:
        """How many records the day has."""
        found: Any = self._container.query_items(
            "SELECT VALUE COUNT(1) FROM c WHERE c.day = @day AND c.kind = @kind",
            parameters=[_value("@day", day), _value("@kind", "usage")],
            partition_key=day,
        )
        async with translated_cosmos_errors(f"counting the records of {day}"):
            return sum([int(count) async for count in found])

    async def documents(self, day: UtcDay) -> AsyncIterator[bytes]:
        """The day's records as NDJSON."""
        async for page in self._pages(day):
            yield ndjson(page)

    async def _pages(self, day: UtcDay) -> AsyncIterator[list[Document]]:
        """The limit of time is for each page: what is done with one in between takes as long as it takes."""
        pages = self._query(day, "usage").by_page()
        while True:
            async with translated_cosmos_errors(f"reading the records of {day}"):
                page = await anext(pages, None)
                if page is None:
                    return
                documents = [document async for document in page]
            yield documents

    async def summary(self, day: UtcDay, view: View = SUMS) -> tuple[Document, str] | None:
        """The day's summary with its token."""
        async with translated_cosmos_errors(f"reading the summary of {day}"):
            try:
                document = await self._container.read_item(view, partition_key=day)
            except exceptions.CosmosResourceNotFoundError:
                return None
        return document["summary"], document["_etag"]

    async def put_summary(self, day: UtcDay, summary: Document, after: str | None, view: View = SUMS) -> None:
        """Set the summary, unless another run set it first."""
        document = {"id": view, "day": day, "kind": view, "summary": summary}
        async with translated_cosmos_errors(f"writing the summary of {day}"), unless_lost(f"the summary of {day}"):
            if after is None:
                await self._container.create_item(document)
            else:
                await self._container.replace_item(
                    view, document, etag=after, match_condition=MatchConditions.IfNotModified
                )

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the container answers."""
        async with translated_cosmos_errors("looking at the books"):
            await self._container.read()

    def _query(self, day: UtcDay, kind: str) -> Any:
        return self._container.query_items(
            "SELECT * FROM c WHERE c.day = @day AND c.kind = @kind",
            parameters=[_value("@day", day), _value("@kind", kind)],
            partition_key=day,
            max_item_count=1000,
        )


def _posting(document: Document) -> Posting:
    return Posting(document["epoch"], document["catalogue"], document["_etag"])


def _value(name: str, value: object) -> dict[str, object]:
    """A parameter of a query."""
    return {"name": name, "value": value}


class CosmosControl:
    """Small documents by kind; see `services.ports.control.Control`."""

    def __init__(self, container: ContainerProxy) -> None:
        self._container = container

    async def get(self, kind: str, name: str) -> Document | None:
        """One document."""
        found = await self.get_versioned(kind, name)
        return found[0] if found else None

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        """One document with its token; nothing of it comes again where it is the known one (304, an empty answer).

        Source: https://learn.microsoft.com/rest/api/cosmos-db/common-cosmosdb-rest-request-headers (If-None-Match)
        """
        if is_step(name):
            return None
        unless: dict[str, Any] = {"etag": known[1], "match_condition": MatchConditions.IfModified} if known else {}
        async with translated_cosmos_errors(f"reading {kind}/{name}"):
            try:
                found = await self._container.read_item(name, partition_key=kind, **unless)
            except exceptions.CosmosResourceNotFoundError:
                return None
        return (dict(found["document"]), str(found["_etag"])) if found else known

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        """Set one document, unless another run wrote it first."""
        item = {"id": name, "kind": kind, "document": document}
        async with translated_cosmos_errors(f"writing {kind}/{name}"), unless_lost(f"{kind}/{name}"):
            if after is None:
                written = await self._container.create_item(item)
            else:
                written = await self._container.replace_item(
                    name, item, etag=after, match_condition=MatchConditions.IfNotModified
                )
        return str(written["_etag"])

    async def all(self, kind: str) -> list[Document]:
        """Every document of a kind, by name."""
        async with translated_cosmos_errors(f"listing {kind}"):
            found = [
                (each["id"], each["document"])
                async for each in self._container.query_items(
                    "SELECT c.id, c.document FROM c WHERE c.kind = @kind",
                    parameters=[{"name": "@kind", "value": kind}],
                    partition_key=kind,
                    max_item_count=1000,
                )
            ]
        return [document for _, document in sorted(found, key=lambda pair: pair[0])]

    async def names(self, kind: str) -> list[str]:
        """The names of the documents of a kind, ascending."""
        async with translated_cosmos_errors(f"listing the names of {kind}"):
            found: Any = self._container.query_items(
                "SELECT VALUE c.id FROM c WHERE c.kind = @kind",
                parameters=[_value("@kind", kind)],
                partition_key=kind,
                max_item_count=1000,
            )
            return sorted([str(name) async for name in found])


def is_step(name: str) -> bool:
    """Whether a name is that of no document, but a step in its URL: the client would read the container instead."""
    return name in (".", "..")


class _TooLargeError(Exception):
    """A batch that the store will take in no case."""


@asynccontextmanager
async def translated_cosmos_errors(what: str) -> AsyncIterator[None]:
    """Bounds one call, and raises `StoreUnavailable` for whatever goes wrong in it."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            yield
    except TimeoutError as error:
        raise StoreUnavailable(f"Cosmos DB, {what}: no answer within {CALL_SECONDS:g} s") from error
    except (AzureError, OSError) as error:
        raise StoreUnavailable(f"Cosmos DB, {what}: {first_line(error)}") from error


@asynccontextmanager
async def unless_lost(what: str) -> AsyncIterator[None]:
    """A conditional write that came too late is `Superseded`."""
    try:
        yield
    except exceptions.CosmosHttpResponseError as error:
        if error.status_code in _LOST:
            raise Superseded(f"{what} was written by another run") from error
        raise


async def _wait_or_raise(
    error: exceptions.CosmosBatchOperationError | exceptions.CosmosHttpResponseError, attempt: int, what: str
) -> None:
    """Wait as the store asks where the batch was throttled; say that the fence was passed where it was."""
    failed: dict[str, Any] = {}
    if isinstance(error, exceptions.CosmosBatchOperationError):
        failed = error.operation_responses[error.error_index]
    # Among the statuses of a whole request, the client has retried all but 449 by itself, and 413 stays.
    status = int(failed.get("statusCode", 0)) or (error.status_code if error.status_code in (413, 449) else 0)
    if status == _TOO_LARGE:
        raise _TooLargeError(first_line(error)) from error
    if status in _LOST:
        raise Superseded(f"{what} was written by another run") from error
    if status not in _AGAIN:
        raise error
    await asyncio.sleep(float(failed.get("retryAfterMilliseconds", 0)) / 1000 or 0.1 * 2**attempt)


def _batches(documents: list[Document]) -> list[list[Document]]:
    """At least one batch, each below the limits; an empty one carries the fence alone."""
    batches: list[list[Document]] = [[]]
    size = 0
    for document in documents:
        length = len(msgspec.json.encode(document))
        if batches[-1] and (size + length > MAX_BATCH_BYTES or len(batches[-1]) >= 99):
            batches.append([])
            size = 0
        batches[-1].append(document)
        size += length
    return batches
