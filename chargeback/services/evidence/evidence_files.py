"""Writes the files of the evidence into the reports, in pieces, and notes their digests for the index."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

from chargeback.domain.reports.evidence import Blocks, EvidenceFile
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import Files, content_type_of

_PIECE_BYTES = 1024 * 1024


class EvidenceFiles:
    """Writes each file once.

    Attributes:
        files: what was written, for the manifest.
        indexed: the same with the digests of the blocks, for the index.
    """

    def __init__(self, reports: Reports) -> None:
        self.files = Files(reports)
        self.indexed: dict[str, EvidenceFile] = {}

    async def write(self, path: str, pieces: AsyncIterable[bytes], rows: int = 0) -> None:
        """Write a file from its pieces."""
        blocks = Blocks()

        async def digested() -> AsyncIterator[tuple[int, bytes]]:
            async for piece in pieces:
                blocks.add(piece)
                yield 0, piece
            yield rows, b""

        written = await self.files.write(path, content_type_of(path), digested())
        self.indexed[path] = EvidenceFile(path, written.bytes, written.sha256, blocks.digits())


async def pieces_of(file: Path) -> AsyncIterator[bytes]:
    """The content of a local file, so that memory holds little of it."""
    with file.open("rb") as content:
        while piece := await asyncio.to_thread(content.read, _PIECE_BYTES):
            yield piece


async def at_once(content: bytes) -> AsyncIterator[bytes]:
    """A small file."""
    yield content
