"""Writes the files of a period into the reports, and notes the size and digest of each for the manifest."""

from collections.abc import AsyncIterable, AsyncIterator
from hashlib import sha256
from pathlib import PurePosixPath

from chargeback.domain.reports.manifest import PublishedFile
from chargeback.services.ports.reports import Reports

CSV = "text/csv; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_BY_SUFFIX = {".csv": CSV, ".html": HTML, ".json": JSON, ".parquet": PARQUET, ".xlsx": WORKBOOK}

Pieces = AsyncIterable[tuple[int, bytes]]
"""How many rows a piece of a file holds, and its bytes."""


class Files:
    """Writes files into the reports and remembers them in `written`."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self.written: list[PublishedFile] = []

    def beside(self) -> "Files":
        """Another that writes into the same reports and remembers its own files, to be written at the same time."""
        return Files(self._reports)

    async def write(self, path: str, content_type: str, pieces: Pieces) -> PublishedFile:
        """Write one file, whose path `domain.reports.layout` knows. It appears whole or not at all."""
        rows = size = 0
        digest = sha256()
        async with self._reports.create(path, content_type) as file:
            async for count, piece in pieces:
                rows += count
                size += len(piece)
                digest.update(piece)
                await file.write(piece)
        published = PublishedFile(path, rows, size, digest.hexdigest())
        self.written.append(published)
        return published


def content_type_of(path: str) -> str:
    """The content type of a file of the reports, by the end of its name."""
    return _BY_SUFFIX.get(PurePosixPath(path).suffix, "application/octet-stream")


async def whole(rows: int, content: bytes) -> AsyncIterator[tuple[int, bytes]]:
    """A small file in one piece."""
    yield rows, content
