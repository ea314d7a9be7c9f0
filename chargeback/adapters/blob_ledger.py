"""The ledger in append blobs: `ledger/<day>/<writer>-<number>.ndjson.zst`.

Each process writes blobs of its own, so any number of instances append at once. One append is one Zstandard
frame, hence whole or absent; frames in a row are a valid .zst file that `zstdcat` reads.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import zstandard
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from chargeback.adapters.blob import translated

MAX_BLOCKS = 45_000
"""Azure allows 50 000 blocks an append blob; concurrent appends may pass the mark by a few."""

MAX_APPEND_BYTES = 3 * 1024 * 1024
"""Below the 4 MiB that every service version accepts as one append block."""

RAW_PER_FRAME = 2 * 1024 * 1024
"""Uncompressed bytes a frame: even incompressible events stay below MAX_APPEND_BYTES."""

READ_BYTES = 4 * 1024 * 1024
_MARKS = "marks/"


@dataclass(slots=True)
class _Segment:
    """The blob that this process appends a day's events to."""

    blob: BlobClient | None = None
    blocks: int = 0
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class BlobLedger:
    """Appends to and reads the ledger; see `services.ports.Ledger`."""

    def __init__(self, service: BlobServiceClient, container: str, *, max_blocks: int = MAX_BLOCKS) -> None:
        self._container = service.get_container_client(container)
        self._max_blocks = max_blocks
        self._writer = secrets.token_hex(6)
        self._opened = 0
        self._segments: dict[str, _Segment] = {}

    async def append(self, day: str, events: Sequence[bytes]) -> None:
        """Make the events durable."""
        segment = self._segments.setdefault(day, _Segment())
        if len(self._segments) > 64:
            self._segments = {day: segment}
        for frame in _frames(events):
            async with translated(f"appending to the ledger of {day}"):
                await self._append_frame(day, segment, frame)

    async def _append_frame(self, day: str, segment: _Segment, frame: bytes) -> None:
        blob = await self._open(day, segment)
        try:
            await blob.append_block(BytesIO(frame), length=len(frame))
        except (ResourceNotFoundError, HttpResponseError) as error:
            if not isinstance(error, ResourceNotFoundError) and error.status_code != 409:
                raise
            # Full, or gone: a new blob takes over.
            if segment.blob is blob:
                segment.blob = None
            await (await self._open(day, segment)).append_block(BytesIO(frame), length=len(frame))
        segment.blocks += 1

    async def _open(self, day: str, segment: _Segment) -> BlobClient:
        async with segment.opening:
            if segment.blob is None or segment.blocks >= self._max_blocks:
                self._opened += 1
                blob = self._container.get_blob_client(f"{day}/{self._writer}-{self._opened:06}.ndjson.zst")
                await blob.create_append_blob()
                segment.blob, segment.blocks = blob, 0
            return segment.blob

    async def blocks(self, day: str) -> AsyncIterator[bytes]:
        """The day's events as blocks of whole lines."""
        async with translated(f"reading the ledger of {day}"):
            async for found in self._container.list_blobs(name_starts_with=f"{day}/"):
                blob = self._container.get_blob_client(found.name)
                async for block in _lines(_content(blob, found.size)):
                    yield block

    async def days(self) -> list[str]:
        """The days that have events."""
        async with translated("listing the ledger"):
            return sorted(
                [
                    found.name.rstrip("/")
                    async for found in self._container.walk_blobs(delimiter="/")
                    if found.name != _MARKS
                ]
            )

    async def mark(self, day: str) -> None:
        """Remember that the day has to be audited."""
        async with translated(f"marking {day}"):
            await self._container.upload_blob(_MARKS + day, b"", overwrite=True)

    async def marks(self) -> dict[str, str]:
        """The marked days with the token of their latest mark."""
        async with translated("reading the marks"):
            return {
                found.name.removeprefix(_MARKS): found.etag
                async for found in self._container.list_blobs(name_starts_with=_MARKS)
            }

    async def unmark(self, day: str, token: str) -> None:
        """Forget a mark unless the day was marked again."""
        async with translated(f"unmarking {day}"):
            try:
                await self._container.delete_blob(
                    _MARKS + day, etag=token, match_condition=MatchConditions.IfNotModified
                )
            except (ResourceModifiedError, ResourceNotFoundError):
                return

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the container answers."""
        async with translated("looking at the ledger"):
            await self._container.get_container_properties()


def _frames(events: Sequence[bytes]) -> list[bytes]:
    compress = zstandard.ZstdCompressor(level=1).compress
    frames: list[bytes] = []
    batch: list[bytes] = []
    size = 0
    for event in events:
        batch.append(event)
        size += len(event) + 1
        if size >= RAW_PER_FRAME:
            frames.append(compress(b"\n".join(batch) + b"\n"))
            batch, size = [], 0
    if batch:
        frames.append(compress(b"\n".join(batch) + b"\n"))
    return frames


async def _content(blob: BlobClient, size: int) -> AsyncIterator[bytes]:
    # Ranges of the size that was listed: appends made meanwhile do not disturb the reading.
    for offset in range(0, size, READ_BYTES):
        stream = await blob.download_blob(offset=offset, length=min(READ_BYTES, size - offset))
        yield await stream.readall()


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    decompress = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress
    rest = b""
    async for chunk in chunks:
        text = rest + decompress(chunk)
        end = text.rfind(b"\n") + 1
        rest = text[end:]
        if end:
            yield text[:end]
