"""Files of this machine that stand for published ones: written, and read as a whole or in parts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalWriter:
    """A file that is being written; see `services.ports.reports.ReportWriter`."""

    file: IO[bytes]

    async def write(self, data: bytes) -> None:
        """Add bytes."""
        await asyncio.to_thread(self.file.write, data)


@dataclass(slots=True)
class OpenLocalFile:
    """A file that is read in parts; see `services.ports.reports.OpenReport`."""

    path: Path
    size: int

    async def read(self, first: int, end: int) -> bytes:
        """The bytes from `first` until before `end`."""
        return await asyncio.to_thread(self._read, first, end)

    def _read(self, first: int, end: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(first)
            return file.read(end - first)


async def read_local(path: Path) -> AsyncIterator[bytes]:
    """A file's content, a megabyte at a time."""
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece
