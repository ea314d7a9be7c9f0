"""Has files of views on disk while somebody reads them; what was read last stays there, within a bound."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from chargeback.domain.errors import ChargebackError, QueryTooLarge
from chargeback.services.costs.view_pointers import ViewFile
from chargeback.services.ports.settled import SettledFiles
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.settle_day import digest_of_file

MOST_BYTES = 256_000_000
"""An instance has 800 MB of temporary disk for all that it runs."""


class UnusableView(ChargebackError):
    """A file is not there, or not what was written."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is not what its pointer says")
        self.path = path


@dataclass(slots=True)
class _Kept:
    """A file on disk; `readers`: how many read it now."""

    local: Path
    bytes: int
    readers: int = 0


class ViewFiles:
    """The files by their digests: a file that was replaced has another one, so none on disk is ever out of date."""

    def __init__(self, files: SettledFiles, *, most_bytes: int = MOST_BYTES) -> None:
        self._files = files
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # what was read last comes last
        self._turns: dict[str, asyncio.Lock] = {}
        self._stack = ExitStack()
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Where they are; nobody else's."""
        if self._folder is None:
            self._folder = Path(self._stack.enter_context(work_folder("views")))
        return self._folder

    @property
    def bytes(self) -> int:
        """How much disk they take."""
        return sum(each.bytes for each in self._kept.values())

    def close(self) -> None:
        """Remove them all."""
        self._kept.clear()
        self._folder = None
        self._stack.close()

    @asynccontextmanager
    async def local(self, files: Sequence[ViewFile]) -> AsyncIterator[list[Path]]:
        """These files on disk, in their order, while the context lasts.

        Raises `UnusableView` where one is not what was written, `QueryTooLarge` where they have no room together.
        """
        needed = sum({each.sha256: each.bytes for each in files}.values())
        if needed > self._most_bytes:
            raise QueryTooLarge(
                f"the answer is read from {needed // 1_000_000} MB of detailed rows, and there is room for"
                f" {self._most_bytes // 1_000_000} MB: ask for fewer months, or without users and single dates"
            )
        held: list[_Kept] = []
        try:
            for each in files:
                held.append(await self._hold(each))  # noqa: PERF401 what is held by then is let go if the next fails
            yield [each.local for each in held]
        finally:
            for kept in held:
                kept.readers -= 1

    async def _hold(self, file: ViewFile) -> _Kept:
        async with self._turns.setdefault(file.sha256, asyncio.Lock()):
            kept = self._kept.get(file.sha256)
            if kept is None or not kept.local.exists():
                self._make_room(file.bytes)
                kept = _Kept(await self._fetched(file), file.bytes)
                self._kept[file.sha256] = kept
            kept.readers += 1
            self._kept.move_to_end(file.sha256)
        self._turns.pop(file.sha256, None)
        return kept

    async def _fetched(self, file: ViewFile) -> Path:
        local = self.folder / f"{token_hex(8)}.parquet"
        is_whole = False
        try:
            found = await self._files.fetch(file.path, local)
            is_whole = found and await asyncio.to_thread(digest_of_file, local) == file.sha256
        finally:
            if not is_whole:
                local.unlink(missing_ok=True)
        if not is_whole:
            raise UnusableView(file.path)
        return local

    def _make_room(self, size: int) -> None:
        """Drop what was read longest ago and is not read now."""
        for digest, kept in list(self._kept.items()):
            if self.bytes + size <= self._most_bytes:
                return
            if not kept.readers:
                kept.local.unlink(missing_ok=True)
                del self._kept[digest]
        if self.bytes + size > self._most_bytes:
            raise QueryTooLarge("others read other months at the same time: ask again in a moment, or for fewer months")
