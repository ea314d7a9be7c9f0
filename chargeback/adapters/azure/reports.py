"""Stores the published files as block blobs: staged piece by piece, and visible only when they are complete."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from io import BytesIO
from secrets import token_hex
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, ContentSettings
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from chargeback.adapters.azure.blob import translated_blob_errors
from chargeback.domain.errors import PeriodClosed, Superseded

PIECE_BYTES = 4 * 1024 * 1024
"""50 000 blocks of this size hold a file of 200 GB."""

_IMMUTABLE = "BlobImmutableDueToPolicy"
"""A file under a policy takes no block any more, even before it is committed:
https://learn.microsoft.com/azure/storage/blobs/immutable-storage-overview (a blob is created once)."""

_WRITTEN_MEANWHILE = ("BlobAlreadyExists", _IMMUTABLE, "ConditionNotMet", "InvalidBlockList")
"""The last: another run committed the same blob, which drops the blocks that are not committed yet."""


class _Writer:
    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob
        # Two runs that write one blob at once must not mix their blocks.
        self._name = token_hex(8)
        self._digest = sha256()
        self._buffer = bytearray()
        self._blocks: list[BlobBlock] = []
        self._refusal: HttpResponseError | None = None

    async def write(self, data: bytes) -> None:
        """Add bytes; sends whole pieces."""
        self._digest.update(data)
        self._buffer += data
        while len(self._buffer) >= PIECE_BYTES:
            await self._stage(bytes(self._buffer[:PIECE_BYTES]))
            del self._buffer[:PIECE_BYTES]

    async def _stage(self, piece: bytes) -> None:
        if self._refusal is not None:
            return
        block_id = b64encode(f"{self._name}-{len(self._blocks):08}".encode()).decode()
        try:
            await self._blob.stage_block(block_id, BytesIO(piece), length=len(piece))
        except HttpResponseError as error:
            if getattr(error, "error_code", "") != _IMMUTABLE:
                raise
            self._refusal = error  # the file is there already: what it holds is compared in the end
        else:
            self._blocks.append(BlobBlock(block_id))

    async def finish(self, content_type: str, *, only_if_absent: bool) -> None:
        """Make the file visible; where there is one already and it has to stay, it must hold the same bytes."""
        if self._buffer:
            await self._stage(bytes(self._buffer))
        condition: dict[str, Any] = {"match_condition": MatchConditions.IfMissing} if only_if_absent else {}
        settings = ContentSettings(content_type=content_type)
        try:
            if self._refusal is not None:
                raise self._refusal
            await self._blob.commit_block_list(self._blocks, content_settings=settings, **condition)
        except HttpResponseError as error:
            if getattr(error, "error_code", "") not in _WRITTEN_MEANWHILE:
                raise
            # A retry whose first attempt went through although its answer was lost meets its own file.
            if await self._stored_digest() == self._digest.digest():
                return
            path = self._blob.blob_name
            if only_if_absent:
                raise PeriodClosed(f"{path} is closed and holds other bytes: it stays as it is") from error
            raise Superseded(f"{path} was written by another run") from error

    async def _stored_digest(self) -> bytes:
        digest = sha256()
        async for chunk in (await self._blob.download_blob()).chunks():
            digest.update(chunk)
        return digest.digest()


class _OpenBlob:
    def __init__(self, blob: BlobClient, size: int, etag: str) -> None:
        self._blob = blob
        self._etag = etag
        self.size = size

    async def read(self, first: int, end: int) -> bytes:
        """Some bytes of the version that was opened."""
        path = self._blob.blob_name
        async with translated_blob_errors(f"reading {path}"):
            try:
                stream = await self._blob.download_blob(
                    first, end - first, etag=self._etag, match_condition=MatchConditions.IfNotModified
                )
                return await stream.readall()
            except ResourceModifiedError as error:
                raise Superseded(f"{path} was written again while it was read") from error


class BlobReports:
    """Writes and reads the published files; see `services.ports.reports.Reports`."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)

    @asynccontextmanager
    async def create(self, path: str, content_type: str, *, only_if_absent: bool = False) -> AsyncIterator[_Writer]:
        """Write a file; an exception inside leaves the older one in place."""
        writer = _Writer(self._container.get_blob_client(path))
        async with translated_blob_errors(f"writing {path}"):
            yield writer
            await writer.finish(content_type, only_if_absent=only_if_absent)

    async def paths(self, prefix: str) -> list[str]:
        """The files under a prefix."""
        async with translated_blob_errors("listing the reports"):
            return sorted([name async for name in self._container.list_blob_names(name_starts_with=prefix)])

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content."""
        async with translated_blob_errors(f"reading {path}"):
            stream = await self._container.get_blob_client(path).download_blob()
            async for chunk in stream.chunks():
                yield chunk

    async def open(self, path: str) -> _OpenBlob:
        """A file, to be read in parts."""
        blob = self._container.get_blob_client(path)
        async with translated_blob_errors(f"reading {path}"):
            found = await blob.get_blob_properties()
        return _OpenBlob(blob, found.size, found.etag)

    async def remove(self, path: str) -> None:
        """Drop a file."""
        async with translated_blob_errors(f"removing {path}"):
            try:
                await self._container.delete_blob(path)
            except ResourceNotFoundError:
                return
