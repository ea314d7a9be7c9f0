"""Stores the owners of stored objects in Cosmos DB: one document each, in the container `objects`, by `/id`.

An object is read by its id alone, which costs 1 RU. Responses leave the container when the service has deleted them
(time to live of an item, learn.microsoft.com/azure/cosmos-db/nosql/time-to-live).
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from azure.cosmos import exceptions
from azure.cosmos.aio import ContainerProxy

from chargeback.adapters.azure.cosmos import translated_cosmos_errors
from chargeback.domain.events.stored_objects import StoredObject
from chargeback.services.running.together import together

AT_ONCE = 32
"""Requests to the container at a time."""


class CosmosObjects:
    """See `services.ports.books.StoredObjects`."""

    def __init__(self, container: ContainerProxy, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._container = container
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)

    async def add(self, objects: Sequence[StoredObject]) -> None:
        """Keep the objects; the first owner stays."""
        now = self._clock()
        documents = [_to_document(each, now) for each in objects if each.expires is None or each.expires > now]
        await together(*map(self._create, documents))

    async def find(self, ids: Collection[str]) -> dict[str, StoredObject]:
        """The objects among these that are known."""
        found = await together(*map(self._read, ids))
        return {each.id: each for each in found if each is not None}

    async def _create(self, document: dict[str, Any]) -> None:
        async with self._room, translated_cosmos_errors("writing the owner of an object"):
            with suppress(exceptions.CosmosResourceExistsError):
                await self._container.create_item(document)

    async def _read(self, name: str) -> StoredObject | None:
        async with self._room, translated_cosmos_errors("reading the owner of an object"):
            try:
                found = await self._container.read_item(name, partition_key=name)
            except exceptions.CosmosResourceNotFoundError:
                return None
        return StoredObject(found["id"], found["owner"], found["product"], found["backend"], found["deployment"])


def _to_document(each: StoredObject, now: datetime) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": each.id,
        "owner": each.owner,
        "product": each.product,
        "backend": each.backend,
        "deployment": each.deployment,
    }
    return document if each.expires is None else document | {"ttl": max(1, int((each.expires - now).total_seconds()))}
