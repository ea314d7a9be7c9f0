"""Published files in a folder of this machine: as they were downloaded, or as they are recomputed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from filecmp import cmp
from pathlib import Path
from secrets import token_hex

from chargeback.adapters.local_files import LocalWriter, OpenLocalFile, read_local
from chargeback.domain.errors import ChargebackError, PeriodClosed


class FolderReports:
    """Files below a folder, by the paths of their container; see `services.ports.reports.Reports`.

    A folder may be a part of the container, such as the folder of one period: `below` is the path that it stands for.
    """

    def __init__(self, folder: Path, below: str = "") -> None:
        self._folder = folder
        self._below = below
        self._parts: set[Path] = set()

    @asynccontextmanager
    async def create(
        self,
        path: str,
        content_type: str,  # noqa: ARG002 a file has none
        *,
        only_if_absent: bool = False,
    ) -> AsyncIterator[LocalWriter]:
        """Write a file; an exception inside leaves the older one in place."""
        place = self._place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{token_hex(8)}.part")
        self._parts.add(part)
        try:
            with part.open("wb") as file:
                yield LocalWriter(file)
            # Nothing awaits between the look and the replacement, so that only one of several files wins.
            if only_if_absent and place.exists() and not cmp(part, place, shallow=False):
                raise PeriodClosed(f"{path} is closed and holds other bytes: it stays as it is")
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
            self._parts.remove(part)

    async def paths(self, prefix: str) -> list[str]:
        """The files under a prefix."""
        found = await asyncio.to_thread(self._all)
        return sorted(path for path in found if path.startswith(prefix))

    def _all(self) -> list[str]:
        files = (file for file in self._folder.rglob("*") if file.is_file() or file.is_symlink())
        return [
            f"{self._below}{file.relative_to(self._folder).as_posix()}" for file in files if file not in self._parts
        ]

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content."""
        try:
            async for piece in read_local(self._place(path)):
                yield piece
        except OSError as error:
            raise ChargebackError(f"{path}: {error.strerror}") from error

    async def open(self, path: str) -> OpenLocalFile:
        """A file, to be read in parts."""
        place = self._place(path)
        try:
            return OpenLocalFile(place, place.stat().st_size)
        except OSError as error:
            raise ChargebackError(f"{path}: {error.strerror}") from error

    async def remove(self, path: str) -> None:
        """Drop a file."""
        self._place(path).unlink(missing_ok=True)

    def _place(self, path: str) -> Path:
        place = self._folder / path.removeprefix(self._below)
        if not path.startswith(self._below) or ".." in place.parts:
            raise ChargebackError(f"{path}: is not in this folder")
        return place
