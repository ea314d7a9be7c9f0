"""Published files in memory, which behave like those in Blob storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chargeback.domain.errors import PeriodClosed, Superseded


class _MemoryFile:
    def __init__(self) -> None:
        self.content = bytearray()

    async def write(self, data: bytes) -> None:
        """Add bytes."""
        self.content += data


@dataclass(frozen=True)
class _OpenMemoryFile:
    files: dict[str, bytes]
    path: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    async def read(self, first: int, end: int) -> bytes:
        """Some bytes of the version that was opened."""
        if self.files.get(self.path) is not self.content:
            raise Superseded(f"{self.path} was written again while it was read")
        return self.content[first:end]


class MemoryReports:
    """The published files as a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    @asynccontextmanager
    async def create(
        self,
        path: str,
        content_type: str,  # noqa: ARG002 a store keeps it
        *,
        only_if_absent: bool = False,
    ) -> AsyncIterator[_MemoryFile]:
        """Write a file; an exception inside leaves the older one in place."""
        file = _MemoryFile()
        yield file
        if only_if_absent and self.files.get(path, file.content) != file.content:
            raise PeriodClosed(f"{path} is closed and holds other bytes: it stays as it is")
        self.files[path] = bytes(file.content)

    async def paths(self, prefix: str) -> list[str]:
        """The files under a prefix."""
        return sorted(path for path in self.files if path.startswith(prefix))

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content."""
        yield self.files[path]

    async def open(self, path: str) -> _OpenMemoryFile:
        """A file, to be read in parts."""
        return _OpenMemoryFile(self.files, path, self.files[path])

    async def remove(self, path: str) -> None:
        """Drop a file."""
        self.files.pop(path, None)
