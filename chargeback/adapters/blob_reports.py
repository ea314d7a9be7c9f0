"""The published files as block blobs: staged piece by piece, visible at once when they are complete."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

from azure.storage.blob import BlobBlock, ContentSettings
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from chargeback.adapters.blob import translated

PIECE_BYTES = 4 * 1024 * 1024
"""50 000 blocks of this size hold a file of 200 GB."""


class _Writer:
    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob
        self._buffer = bytearray()
        self._blocks: list[BlobBlock] = []

    async def write(self, data: bytes) -> None:
        """Add bytes; sends whole pieces."""
        self._buffer += data
        while len(self._buffer) >= PIECE_BYTES:
            await self._stage(bytes(self._buffer[:PIECE_BYTES]))
            del self._buffer[:PIECE_BYTES]

    async def _stage(self, piece: bytes) -> None:
        block_id = b64encode(f"{len(self._blocks):08}".encode()).decode()
        await self._blob.stage_block(block_id, BytesIO(piece), length=len(piece))
        self._blocks.append(BlobBlock(block_id))

    async def finish(self, content_type: str) -> None:
        """Make the file visible."""
        if self._buffer:
            await self._stage(bytes(self._buffer))
        await self._blob.commit_block_list(self._blocks, content_settings=ContentSettings(content_type=content_type))


class BlobReports:
    """Writes and reads the published files; see `services.ports.Reports`."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)

    @asynccontextmanager
    async def create(self, path: str, content_type: str) -> AsyncIterator[_Writer]:
        """Write a file; an exception inside leaves the older one in place."""
        writer = _Writer(self._container.get_blob_client(path))
        async with translated(f"writing {path}"):
            yield writer
            await writer.finish(content_type)

    async def paths(self, prefix: str) -> list[str]:
        """The files under a prefix."""
        async with translated("listing the reports"):
            return sorted([name async for name in self._container.list_blob_names(name_starts_with=prefix)])

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content."""
        async with translated(f"reading {path}"):
            stream = await self._container.get_blob_client(path).download_blob()
            async for chunk in stream.chunks():
                yield chunk
