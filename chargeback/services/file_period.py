"""Filing: the files of a closed period go where nothing can change them, each exactly as its manifest says."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from hashlib import sha256

from chargeback.domain.errors import PeriodClosed, Superseded
from chargeback.domain.lifecycle import Period
from chargeback.domain.report import PublishedFile
from chargeback.services.files import content_type_of
from chargeback.services.ports import Reports, ReportWriter


def staging_folder(period: str, attempt: str) -> str:
    """Where an attempt at closing publishes."""
    return f"{period}/closing-{attempt}"


class Staged:
    """Reports of which one period is written into the folder of an attempt; whoever writes them need not know."""

    def __init__(self, reports: Reports, period: str, attempt: str) -> None:
        self._reports = reports
        self._period = f"{period}/"
        self._folder = f"{staging_folder(period, attempt)}/"

    def create(
        self, path: str, content_type: str, *, only_if_absent: bool = False
    ) -> AbstractAsyncContextManager[ReportWriter]:
        """Write a file."""
        return self._reports.create(self._to(path), content_type, only_if_absent=only_if_absent)

    async def paths(self, prefix: str) -> list[str]:
        """The files under a prefix."""
        found = await self._reports.paths(self._to(prefix))
        return [path.replace(self._folder, self._period, 1) for path in found]

    def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content."""
        return self._reports.read(self._to(path))

    async def remove(self, path: str) -> None:
        """Drop a file."""
        await self._reports.remove(self._to(path))

    async def clear(self) -> None:
        """Drop what the attempt wrote."""
        for path in await self._reports.paths(self._folder):
            await self._reports.remove(path)

    def _to(self, path: str) -> str:
        return path.replace(self._period, self._folder, 1) if path.startswith(self._period) else path


async def file_period(period: Period, reports: Reports, closed: Reports) -> None:
    """Copy what the attempt that closed the period published; again changes nothing.

    Raises `PeriodClosed` where a closed file holds other bytes than it was closed with.
    """
    staged = Staged(reports, period.period, period.attempt)
    present = set(await closed.paths(f"{period.period}/"))
    for file in period.files:
        if file.path in present:
            await _require_same(file, closed)
        else:
            await _copy(file, staged, closed)


async def drop_drafts(period: str, reports: Reports) -> None:
    """Remove what was published of a period before it was closed, so that only the closed files can be taken for it."""
    for path in await reports.paths(f"{period}/"):
        await reports.remove(path)


async def differing(period: Period, closed: Reports) -> list[str]:
    """What is wrong with the files of a closed period, each with its path; empty where all are as they were closed."""
    present = set(await closed.paths(f"{period.period}/"))
    missing = [f"{file.path} is missing" for file in period.files if file.path not in present]
    kept = [file for file in period.files if file.path in present]
    return missing + [
        f"{file.path} holds other bytes than it was closed with"
        for file in kept
        if await sha256_of(closed.read(file.path)) != file.sha256
    ]


async def sha256_of(pieces: AsyncIterator[bytes]) -> str:
    """The digest of a file."""
    digest = sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def _require_same(file: PublishedFile, closed: Reports) -> None:
    if await sha256_of(closed.read(file.path)) != file.sha256:
        raise PeriodClosed(f"{file.path} in the closed reports holds other bytes than it was closed with")


async def _copy(file: PublishedFile, staged: Reports, closed: Reports) -> None:
    digest = sha256()
    async with closed.create(file.path, content_type_of(file.path), only_if_absent=True) as copy:
        async for piece in staged.read(file.path):
            digest.update(piece)
            await copy.write(piece)
        if digest.hexdigest() != file.sha256:
            raise Superseded(f"{file.path} was written again after it was published for closing")
