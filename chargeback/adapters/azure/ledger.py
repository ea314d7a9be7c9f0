"""Stores the ledger in append blobs: `ledger/<day>/<writer>-<number>.ndjson.zst`.

Each process writes blobs of its own, so any number of instances append at once. One append is one Zstandard
frame behind a head (see `ledger_frames`), hence whole or absent; the blob is a valid .zst file that `zstdcat` reads.
Nothing here overwrites or deletes: the app may be allowed to append, to create and to read, and nothing else.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from chargeback.adapters.azure.blob import translated_blob_errors
from chargeback.adapters.azure.ledger_frames import FrameReader, frames_of, head
from chargeback.adapters.azure.marks import OLD, BlobMarks
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.ledger import LedgerBlock

MAX_BLOCKS = 45_000
"""Azure allows 50 000 blocks an append blob; concurrent appends may pass the mark by a few."""

READ_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class _Segment:
    """The blob that this process appends a day's events to."""

    blob: BlobClient | None = None
    blocks: int = 0
    acknowledged: int = 0
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)


class BlobLedger:
    """Appends to and reads the ledger; see `services.ports.ledger.Ledger`."""

    def __init__(
        self,
        service: BlobServiceClient,
        container: str,
        marks: str = "marks",
        *,
        max_blocks: int = MAX_BLOCKS,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Keep the events in one container and the marks in another; `clock` tells nanoseconds since 1970."""
        self._container = service.get_container_client(container)
        self._marks = BlobMarks(service, marks, self._container)
        self._max_blocks = max_blocks
        self._clock = clock
        self._writer = secrets.token_hex(6)
        self._opened = 0
        self._segments: dict[str, _Segment] = {}

    async def append(self, day: UtcDay, events: Sequence[bytes]) -> None:
        """Make the events durable."""
        segment = self._segments.setdefault(day, _Segment())
        if len(self._segments) > 64:
            self._segments = {day: segment}
        for frame in frames_of(events):
            async with translated_blob_errors(f"appending to the ledger of {day}"):
                await self._append_frame(day, segment, frame)

    async def _append_frame(self, day: UtcDay, segment: _Segment, frame: bytes) -> None:
        blob = await self._open(day, segment)
        try:
            await self._append_block(blob, segment, frame)
        except (ResourceNotFoundError, HttpResponseError) as error:
            if not isinstance(error, ResourceNotFoundError) and error.status_code != 409:
                raise
            # Full, or gone: a new blob takes over.
            if segment.blob is blob:
                segment.blob = None
            await self._append_block(await self._open(day, segment), segment, frame)

    async def _append_block(self, blob: BlobClient, segment: _Segment, frame: bytes) -> None:
        before = segment.acknowledged if segment.blob is blob else 0
        block = head(self._clock() // 1_000, before) + frame
        segment.blocks += 1
        await blob.append_block(BytesIO(block), length=len(block))
        if segment.blob is blob:
            segment.acknowledged += 1

    async def _open(self, day: UtcDay, segment: _Segment) -> BlobClient:
        async with segment.opening:
            if segment.blob is None or segment.blocks >= self._max_blocks:
                self._opened += 1
                blob = self._container.get_blob_client(f"{day}/{self._writer}-{self._opened:06}.ndjson.zst")
                # On condition that it is not there: a first request that was delayed must not empty the blob that its
                # repetition made. Whoever made it, the name is ours alone.
                with suppress(ResourceExistsError, ResourceModifiedError):
                    await blob.create_append_blob(match_condition=MatchConditions.IfMissing)
                segment.blob, segment.blocks, segment.acknowledged = blob, 0, 0
            return segment.blob

    async def blocks(self, day: UtcDay) -> AsyncIterator[bytes]:
        """The day's events as blocks of whole lines."""
        async for block in self.stamped_blocks(day):
            if block.text:
                yield block.text

    async def stamped_blocks(self, day: UtcDay, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:
        """The day's blocks with the time of their writing."""
        async with translated_blob_errors(f"reading the ledger of {day}"):
            async for found in self._container.list_blobs(name_starts_with=f"{day}/"):
                size = found.size if within is None else within.get(found.name, 0)
                blob = self._container.get_blob_client(found.name)
                async for block in FrameReader().read(_content(blob, size)):
                    yield block

    async def extent(self, day: UtcDay) -> dict[str, int]:
        """The day's blobs with their sizes."""
        async with translated_blob_errors(f"listing the ledger of {day}"):
            return {found.name: found.size async for found in self._container.list_blobs(name_starts_with=f"{day}/")}

    async def days(self) -> list[UtcDay]:
        """The days that have events."""
        async with translated_blob_errors("listing the ledger"):
            return sorted(
                [
                    UtcDay(found.name.rstrip("/"))
                    async for found in self._container.walk_blobs(delimiter="/")
                    if found.name != OLD
                ]
            )

    async def mark(self, day: UtcDay) -> None:
        """Remember that the day has to be audited."""
        await self._marks.mark(day)

    async def marks(self) -> dict[UtcDay, str]:
        """The marked days with the token of their latest mark."""
        return await self._marks.all()

    async def unmark(self, day: UtcDay, token: str) -> None:
        """Forget a mark unless the day was marked again."""
        await self._marks.unmark(day, token)

    async def note(self, text: str, after: str | None) -> str:
        """Remember a note next to the marks, unless another was noted."""
        return await self._marks.note(text, after)

    async def latest_note(self) -> tuple[str, str | None]:
        """The note that was left last."""
        return await self._marks.latest_note()

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the container answers. Its role allows to list, and not to ask for more."""
        async with translated_blob_errors("looking at the ledger"):
            async for _ in self._container.list_blob_names(results_per_page=1):
                break


async def _content(blob: BlobClient, size: int) -> AsyncIterator[bytes]:
    # Ranges of the size that was listed: appends made meanwhile do not disturb the reading.
    for offset in range(0, size, READ_BYTES):
        stream = await blob.download_blob(offset=offset, length=min(READ_BYTES, size - offset))
        yield await stream.readall()
