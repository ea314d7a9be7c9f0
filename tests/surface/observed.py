"""What a life of the product leaves behind: the files that it publishes, and what it keeps in the stores."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

from redis.asyncio import Redis

from chargeback.adapters.memory.gateway_log import MemoryGatewayLog
from chargeback.bootstrap import Container
from chargeback.settings import read_settings
from tests.surface.answers import answers
from tests.surface.declared import SETTINGS, settings
from tests.surface.life import InMemory, live
from tests.surface.shapes import columns, fields, shape

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


async def over_memory(folder: Path) -> dict[str, list[str]]:
    """What is published, with the columns of each file, and what the API answers; over stores in memory."""
    container = InMemory(settings())
    await live(container, folder, NOW)
    return {
        "Published files": list(_files(container)),
        "Answers": [each async for each in answers(container, SETTINGS["CHARGEBACK_EVENTS_KEY"], NOW)],
    }


def _files(container: InMemory) -> Iterator[str]:
    stores = {"reports": container.reports, "closed": container.closed_reports, "hub": container.into_hub}
    for name, store in stores.items():
        for path, content in store.files.items():
            yield f"in {name}: {shape(path)}"
            yield from (f"{shape(path)}: {column}" for column in columns(path, content))


async def over_servers(folder: Path) -> dict[str, list[str]]:
    """What is kept in the real stores, but for what is published; the environment has them."""
    container = Container(read_settings())
    # What further files hold is looked at over memory.
    container.__dict__ |= {"gateway_log": MemoryGatewayLog(), "writers": ()}
    await live(container, folder, datetime.now(UTC))
    del container.__dict__["gateway_log"]
    async with Redis.from_url(container.settings.redis_url) as redis:
        keys = [each async for each in _redis(redis)]
    keys += [each async for each in _blobs(container)]
    keys += [each async for each in _documents(container)]
    await container.close()
    return {"Stored keys": keys}


async def _redis(client: Redis) -> AsyncIterator[str]:
    async for key in client.scan_iter():
        name = f"Redis {shape(key.decode())}"
        kind = (await client.type(key)).decode()
        yield f"{name}: {kind}"
        for field, value in (await client.hgetall(key)).items() if kind == "hash" else ():
            yield f"{name}: {shape(field.decode())}"
            if value.startswith(b"["):
                yield f"{name}: {shape(field.decode())} = {shape(value.decode())}"


async def _blobs(container: Container) -> AsyncIterator[str]:
    for name in ("ledger", "marks", "quarantine"):
        client = container.blobs.get_container_client(name)
        async for path in client.list_blob_names():
            yield f"Blob storage {name}/{shape(path)}"
            content = await (await client.download_blob(path)).readall()
            for column in columns(path, content):
                yield f"Blob storage {name}/{shape(path)}: {column}"


async def _documents(container: Container) -> AsyncIterator[str]:
    database = container.cosmos.get_database_client(container.settings.cosmos_database)
    for name in ("usage", "control", "objects", "audit-log"):
        async for document in database.get_container_client(name).read_all_items():
            kind = " ".join(["Cosmos DB", name, *([document["kind"]] if "kind" in document else [])])
            yield f"{kind}: id {shape(document['id'])}"
            for field in fields(document):
                yield f"{kind}: {field}"
