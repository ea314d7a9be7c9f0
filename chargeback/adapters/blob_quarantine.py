"""The quarantine in block blobs: `quarantine/<day>/<hash>.ndjson`, one blob a batch of unusable events."""

from collections.abc import Sequence
from dataclasses import astuple

import msgspec
from azure.storage.blob.aio import BlobServiceClient

from chargeback.adapters.batches import dead_letters, quarantine_name
from chargeback.adapters.blob import translated
from chargeback.services.ports import Rejected


class _Entry(msgspec.Struct):
    reason: str
    detail: str
    raw: bytes  # base64 in JSON: what older versions kept need not be text
    emitter: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Entry).decode


class BlobQuarantine:
    """Keeps unusable events; see `services.ports.Quarantine`."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)

    async def put(self, rejected: Sequence[Rejected], day: str) -> None:
        """Keep the events; named by content, so that a batch that is delivered again adds nothing."""
        body = b"".join(_encode(_Entry(*astuple(each))) + b"\n" for each in rejected)
        async with translated("writing to quarantine"):
            await self._container.upload_blob(quarantine_name(rejected, day), body, overwrite=True)

    async def batches(self) -> list[str]:
        """Names of the kept batches."""
        async with translated("listing the quarantine"):
            return sorted([name async for name in self._container.list_blob_names()])

    async def get(self, batch: str) -> list[Rejected]:
        """The events of a batch."""
        async with translated(f"reading {batch} from quarantine"):
            stream = await self._container.get_blob_client(batch).download_blob()
            lines = (await stream.readall()).splitlines()
        entries = [_decode(line) for line in lines]
        return [Rejected(entry.reason, entry.detail, entry.raw, entry.emitter) for entry in entries]

    async def remove(self, batch: str) -> None:
        """Drop a batch."""
        async with translated(f"removing {batch} from quarantine"):
            await self._container.delete_blob(batch)


class BlobDeadLetters:
    """The blobs that Event Grid writes: JSON arrays of events; see `services.ports.DeadLetters`."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)

    async def batches(self) -> list[str]:
        """Names of the blobs."""
        async with translated("listing the dead letters"):
            return sorted([name async for name in self._container.list_blob_names()])

    async def get(self, batch: str) -> list[bytes]:
        """The raw events of a blob."""
        async with translated(f"reading dead letter {batch}"):
            stream = await self._container.get_blob_client(batch).download_blob()
            return dead_letters(await stream.readall())

    async def remove(self, batch: str) -> None:
        """Drop a blob."""
        async with translated(f"removing dead letter {batch}"):
            await self._container.delete_blob(batch)
