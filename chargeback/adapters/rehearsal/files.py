"""The published files and those of settled days in a rehearsal: what is written lies in a folder of this machine."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copyfile

from chargeback.adapters.local_files import LocalWriter, OpenLocalFile, read_local
from chargeback.domain.errors import PeriodClosed, Superseded
from chargeback.services.ports.reports import OpenReport, Reports
from chargeback.services.ports.settled import SettledFiles


class RehearsedReports:
    """The port `Reports`: files of the real store, unless one is written or removed here."""

    def __init__(self, reports: Reports, folder: Path) -> None:
        self._reports = reports
        self._folder = folder
        self._files: dict[str, Path | None] = {}
        """Path → where its content lies; None: it was removed."""

    @asynccontextmanager
    async def create(
        self,
        path: str,
        content_type: str,  # noqa: ARG002 a store keeps it
        *,
        only_if_absent: bool = False,
    ) -> AsyncIterator[LocalWriter]:
        """Write a file here; an exception inside leaves the older one in place."""
        local = self._folder / secrets.token_hex(8)
        with local.open("wb") as file:
            yield LocalWriter(file)
        if only_if_absent and path in await self.paths(path):
            before = b"".join([piece async for piece in self.read(path)])
            if before != await asyncio.to_thread(local.read_bytes):
                raise PeriodClosed(f"{path} is closed and holds other bytes: it stays as it is")
        await self.remove(path)
        self._files[path] = local

    async def paths(self, prefix: str) -> list[str]:
        """The files under a prefix."""
        theirs = {path for path in await self._reports.paths(prefix) if path not in self._files}
        ours = {path for path, local in self._files.items() if local is not None and path.startswith(prefix)}
        return sorted(theirs | ours)

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content, piece by piece."""
        async for piece in self._reports.read(path) if path not in self._files else read_local(self._local(path)):
            yield piece

    async def open(self, path: str) -> OpenReport:
        """A file, to be read in parts."""
        if path not in self._files:
            return await self._reports.open(path)
        local = self._local(path)
        return OpenLocalFile(local, local.stat().st_size)

    def _local(self, path: str) -> Path:
        local = self._files[path]
        if local is None:
            raise FileNotFoundError(f"{path} was removed")
        return local

    async def remove(self, path: str) -> None:
        """Drop a file here."""
        if local := self._files.get(path):
            local.unlink(missing_ok=True)
        self._files[path] = None


class RehearsedSettledFiles:
    """The port `SettledFiles`."""

    def __init__(self, files: SettledFiles, folder: Path) -> None:
        self._settled = files
        self._folder = folder
        self._files: dict[str, tuple[Path, str]] = {}

    async def tokens(self, prefix: str) -> dict[str, str]:
        """The tokens of the files below a prefix."""
        ours = {path: token for path, (_, token) in self._files.items() if path.startswith(prefix)}
        return dict(sorted((await self._settled.tokens(prefix) | ours).items()))

    async def token(self, path: str) -> str | None:
        """The token of a file."""
        return self._files[path][1] if path in self._files else await self._settled.token(path)

    async def fetch(self, path: str, to: Path) -> bool:
        """Copy a file into a local one."""
        if path not in self._files:
            return await self._settled.fetch(path, to)
        await asyncio.to_thread(copyfile, self._files[path][0], to)
        return True

    async def put(self, path: str, file: Path, after: str | None) -> str:
        """Set a file here."""
        if await self.token(path) != after:
            raise Superseded(f"{path} was written by another run")
        local = self._folder / secrets.token_hex(8)
        await asyncio.to_thread(copyfile, file, local)
        self._files[path] = local, secrets.token_hex(4)
        return self._files[path][1]
