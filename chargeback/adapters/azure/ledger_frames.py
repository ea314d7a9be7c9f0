"""Writes and reads the frames of a ledger blob: when each was written, and its events, in bounded memory.

An append is a skippable Zstandard frame, which says when it was written and what its writer knew to be in the blob
before, followed by one frame of events. `zstdcat` skips the first and prints the second (RFC 8878, section 3.1.2).
Frames of older versions have no such head: they come first in the ledger's order.
"""

import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import zstandard

from chargeback.services.ports.ledger import LedgerBlock

RAW_PER_FRAME = 2 * 1024 * 1024
"""Uncompressed bytes a frame: even incompressible events stay below the 4 MiB of one append."""

MAX_BLOCK_BYTES = 4 * 1024 * 1024
"""Uncompressed bytes that are held at once, whatever a frame unpacks to."""

_HEAD = struct.Struct("<IIBQI")  # magic, length of the rest, version, microseconds since 1970, frames before
_MAGIC = 0x184D2A5C
_MAGIC_BYTES = _MAGIC.to_bytes(4, "little")
_VERSION = 1
_REST = _HEAD.size - 8
_SLICE = 1024
"""Compressed bytes of an old frame that are unpacked at once: 4 bytes may stand for 128 KiB."""


def frames_of(events: Sequence[bytes]) -> Iterator[bytes]:
    """The events as frames, without their heads."""
    compress = zstandard.ZstdCompressor(level=1).compress
    batch: list[bytes] = []
    size = 0
    for event in events:
        batch.append(event)
        size += len(event) + 1
        if size >= RAW_PER_FRAME:
            yield compress(b"\n".join(batch) + b"\n")
            batch, size = [], 0
    if batch:
        yield compress(b"\n".join(batch) + b"\n")


def head(written: int, before: int) -> bytes:
    """The head of a frame: when it is written, and how many frames its writer knows to be in the blob before it."""
    return _HEAD.pack(_MAGIC, _REST, _VERSION, written, before)


@dataclass(slots=True)
class FrameReader:
    """Reads the content of one blob."""

    _data: bytes = b""
    _at: int = 0
    _frame: "zstandard.ZstdDecompressionObj | None" = None
    _text: bytearray = field(default_factory=bytearray)
    _written: int = 0
    _seen: int = 0
    _missing: int = 0

    async def read(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[LedgerBlock]:
        """The blob's events as blocks of whole lines; the last block says how many frames are missing."""
        async for chunk in chunks:
            self._data, self._at = self._data[self._at :] + chunk, 0
            while self._at < len(self._data) and (self._frame is not None or self._begin()):
                for block in self._unpack():
                    yield block
        if self._missing:
            yield LedgerBlock(b"", 0, self._missing)

    def _begin(self) -> bool:
        """Take in the head of the next frame; False where more of the blob is needed."""
        if len(self._data) - self._at < 4:
            return False
        if self._data[self._at : self._at + 4] == _MAGIC_BYTES:
            if len(self._data) - self._at <= _HEAD.size:
                return False
            _, _, _, self._written, before = _HEAD.unpack_from(self._data, self._at)
            # What was acknowledged before this frame was written is in front of it, or it is gone.
            self._missing = max(self._missing, before - self._seen)
            self._at += _HEAD.size
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        return True

    def _unpack(self) -> Iterator[LedgerBlock]:
        """Unpack what is there of the frame, in slices that stay small whatever they unpack to."""
        assert self._frame is not None
        while self._at < len(self._data):
            piece = self._data[self._at : self._at + _SLICE]
            self._text += self._frame.decompress(piece)
            self._at += len(piece)
            if self._frame.eof:
                self._at -= len(self._frame.unused_data)
                self._frame = None
                self._seen += 1
                yield from self._cut(len(self._text))
                self._written = 0
                return
            if len(self._text) >= MAX_BLOCK_BYTES:
                yield from self._cut(self._text.rfind(b"\n") + 1)

    def _cut(self, end: int) -> Iterator[LedgerBlock]:
        if end:
            yield LedgerBlock(bytes(self._text[:end]), self._written)
            del self._text[:end]
