"""Keeps the intermediate files of a publication: on disk while they are few, else in the container of the reports.

So the temporary disk that a publication takes does not grow with its period.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

from chargeback.domain.reports.layout import work_path
from chargeback.services.ports.reports import Reports
from chargeback.services.publishing.files import PARQUET

KEPT_BYTES = 96_000_000
"""How many bytes of them stay on disk."""

_PIECE_BYTES = 1024 * 1024


class WorkFiles:
    """Files by name; a run that dies leaves those in the reports behind, and a rule of the container removes them."""

    def __init__(self, folder: Path, reports: Reports, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._folder = folder
        self._reports = reports
        self._run = token_hex(16)
        self._room = kept_bytes
        self._sizes: dict[str, int] = {}
        self._sent: set[str] = set()

    async def put(self, file: Path) -> None:
        """Take over a file of this folder, under its name."""
        size = (await asyncio.to_thread(file.stat)).st_size
        if size > self._room:
            async with self._reports.create(self._path(file.name), PARQUET) as sent:
                with file.open("rb") as content:
                    while piece := await asyncio.to_thread(content.read, _PIECE_BYTES):
                        await sent.write(piece)
            self._sent.add(file.name)
            await asyncio.to_thread(file.unlink)
        else:
            self._room -= size
            self._sizes[file.name] = size

    @asynccontextmanager
    async def local(self, names: Sequence[str]) -> AsyncIterator[list[Path]]:
        """These files on disk, in their order, while the context lasts."""
        fetched: list[Path] = []
        try:
            files = []
            for name in names:
                file = self._folder / name
                if name in self._sent:
                    file = self._folder / f"fetched-{token_hex(4)}-{name}"
                    fetched.append(file)
                    with file.open("wb") as local:
                        async for piece in self._reports.read(self._path(name)):
                            await asyncio.to_thread(local.write, piece)
                files.append(file)
            yield files
        finally:
            for file in fetched:
                file.unlink(missing_ok=True)

    async def drop(self, names: Sequence[str]) -> None:
        """Remove these files."""
        for name in names:
            if name in self._sent:
                await self._reports.remove(self._path(name))
                self._sent.remove(name)
            else:
                (self._folder / name).unlink()
                self._room += self._sizes.pop(name)

    async def clear(self) -> None:
        """Remove them all."""
        await self.drop([*self._sent, *self._sizes])

    def _path(self, name: str) -> str:
        return work_path(self._run, name)
