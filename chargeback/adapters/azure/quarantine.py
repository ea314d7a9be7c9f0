"""Stores the quarantine in block blobs: `quarantine/<day>/<hash>.ndjson`, one blob per batch of unusable events."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple

import msgspec
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from chargeback.adapters.azure.blob import translated_blob_errors
from chargeback.adapters.batches import dead_letters, quarantine_name
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.ledger import Rejected


class _Entry(msgspec.Struct):
    reason: str
    detail: str
    raw: bytes  # base64 in JSON: what older versions kept need not be text
    emitter: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Entry).decode


class BlobQuarantine:
    """Keeps unusable events; see `services.ports.ledger.Quarantine`."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)

    async def put(self, rejected: Sequence[Rejected], day: UtcDay) -> None:
        """Keep the events; named by content, so that a batch that is delivered again adds nothing."""
        body = b"".join(_encode(_Entry(*astuple(each))) + b"\n" for each in rejected)
        async with translated_blob_errors("writing to quarantine"):
            await self._container.upload_blob(quarantine_name(rejected, day), body, overwrite=True)

    async def batches(self) -> list[str]:
        """Names of the kept batches."""
        async with translated_blob_errors("listing the quarantine"):
            return sorted([name async for name in self._container.list_blob_names()])

    async def get(self, batch: str) -> list[Rejected]:
        """The events of a batch; none where another run has taken it."""
        async with translated_blob_errors(f"reading {batch} from quarantine"):
            content = await _content(self._container, batch)
        entries = [_decode(line) for line in (content or b"").splitlines()]
        return [Rejected(entry.reason, entry.detail, entry.raw, entry.emitter) for entry in entries]

    async def remove(self, batch: str) -> None:
        """Drop a batch, unless another run has."""
        async with translated_blob_errors(f"removing {batch} from quarantine"):
            await _remove(self._container, batch)


class BlobDeadLetters:
    """The blobs that Event Grid writes: JSON arrays of events; see `services.ports.ledger.DeadLetters`."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)

    async def batches(self) -> list[str]:
        """Names of the blobs."""
        async with translated_blob_errors("listing the dead letters"):
            return sorted([name async for name in self._container.list_blob_names()])

    async def get(self, batch: str) -> list[bytes]:
        """The raw events of a blob; none where another run has taken it."""
        async with translated_blob_errors(f"reading dead letter {batch}"):
            content = await _content(self._container, batch)
        return [] if content is None else dead_letters(content)

    async def remove(self, batch: str) -> None:
        """Drop a blob, unless another run has."""
        async with translated_blob_errors(f"removing dead letter {batch}"):
            await _remove(self._container, batch)


async def _content(container: ContainerClient, batch: str) -> bytes | None:
    try:
        stream = await container.get_blob_client(batch).download_blob()
        return await stream.readall()
    except ResourceNotFoundError:
        return None


async def _remove(container: ContainerClient, batch: str) -> None:
    with suppress(ResourceNotFoundError):
        await container.delete_blob(batch)
