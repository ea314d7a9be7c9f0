"""Files a closed period: copies its files to where nothing can change them, exactly as its manifest says."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from hashlib import sha256

import msgspec

from chargeback.domain.errors import PeriodClosed, Superseded
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.domain.reports.layout import (
    is_staged,
    manifest_path,
    period_folder,
    staged_path,
    staging_folder,
    unstaged_path,
)
from chargeback.domain.reports.manifest import Manifest, PublishedFile
from chargeback.domain.time.months import Month
from chargeback.services.closing.parallel import for_each
from chargeback.services.ports.reports import OpenReport, Reports, ReportWriter
from chargeback.services.publishing.files import content_type_of
from chargeback.services.running.one_view import ask_once

_OTHER_BYTES = "holds other bytes than it was closed with"


class Staged:
    """Reports that put the files of one period into the folder of an attempt, unnoticed by whoever writes them."""

    def __init__(self, reports: Reports, period: Month, attempt: str) -> None:
        self._reports = reports
        self._period = period
        self._attempt = attempt

    def create(
        self, path: str, content_type: str, *, only_if_absent: bool = False
    ) -> AbstractAsyncContextManager[ReportWriter]:
        """Write a file."""
        return self._reports.create(self._to(path), content_type, only_if_absent=only_if_absent)

    async def paths(self, prefix: str) -> list[str]:
        """The files under a prefix."""
        found = await self._reports.paths(self._to(prefix))
        return [unstaged_path(path, self._period, self._attempt) for path in found]

    def read(self, path: str) -> AsyncIterator[bytes]:
        """A file's content."""
        return self._reports.read(self._to(path))

    async def open(self, path: str) -> OpenReport:
        """A file, to be read in parts."""
        return await self._reports.open(self._to(path))

    async def remove(self, path: str) -> None:
        """Drop a file."""
        await self._reports.remove(self._to(path))

    async def clear(self) -> None:
        """Drop what the attempt wrote."""
        await for_each(await self._reports.paths(staging_folder(self._period, self._attempt)), self._reports.remove)

    def _to(self, path: str) -> str:
        return staged_path(path, self._period, self._attempt)


async def file_period(period: BillingPeriod, reports: Reports, closed: Reports) -> None:
    """Copy what the attempt that closed the period published, the manifest last; again changes nothing.

    Raises `PeriodClosed` where a closed file holds other bytes than it was closed with.
    """
    staged = Staged(reports, period.month, period.attempt)
    present = set(await closed.paths(period_folder(period.month)))
    manifest = manifest_path(period.month)
    files = await files_of(period, closed if manifest in present else staged)

    async def file(each: PublishedFile) -> None:
        if each.path not in present:
            await _copy(each, staged, closed)
        elif fault := await _fault(each, closed):
            raise PeriodClosed(fault)

    await for_each([each for each in files if each.path != manifest], file)
    await file(files[-1])


async def drop_drafts(period: Month, reports: Reports) -> None:
    """Remove what was published of a period before it was closed, so that only the closed files are left."""
    await for_each(await reports.paths(period_folder(period)), reports.remove)


async def drop_unnamed(manifest: Manifest, reports: Reports) -> None:
    """Remove earlier drafts that a manifest does not name, such as the statement of who no longer pays anything.

    What an attempt at closing publishes lies in a folder of its own and stays.
    """
    period = manifest.billing_period
    kept = {manifest_path(period), *(file.path for file in manifest.files)}
    drafts = [path for path in await reports.paths(period_folder(period)) if not is_staged(path, period)]
    await for_each([path for path in drafts if path not in kept], reports.remove)


async def differing(period: BillingPeriod, closed: Reports) -> list[str]:
    """What is wrong with the files of a closed period, each with its path; empty where all are as they were closed."""
    present = set(await closed.paths(period_folder(period.month)))
    files = await files_of(period, closed)
    faults = [f"{each.path} is missing" for each in files if each.path not in present]

    async def compare(each: PublishedFile) -> None:
        if fault := await _fault(each, closed):
            faults.append(fault)

    await for_each([each for each in files if each.path in present], compare)
    return sorted(faults)


async def files_of(period: BillingPeriod, reports: Reports) -> list[PublishedFile]:
    """The files of a closed period, the manifest last. Raises `PeriodClosed` if the manifest is another one."""
    path, content = manifest_path(period.month), await _manifest(period, reports)
    manifest = PublishedFile(path, 1, len(content), period.manifest)
    return [*msgspec.json.decode(content, type=Manifest).files, manifest]


async def manifest_of(period: BillingPeriod, reports: Reports) -> Manifest:
    """The manifest of a closed period. Raises `PeriodClosed` if it is another one than it was closed with."""
    return msgspec.json.decode(await _manifest(period, reports), type=Manifest)


async def draft_manifest(period: Month, drafts: Reports) -> Manifest | None:
    """The manifest of the latest draft of a period; None where there is none."""
    content = await draft_manifest_file(period, drafts)
    return msgspec.json.decode(content, type=Manifest) if content is not None else None


async def draft_manifest_file(period: Month, drafts: Reports) -> bytes | None:
    """The bytes of that manifest."""
    path = manifest_path(period)

    async def read() -> bytes | None:
        if path not in await drafts.paths(path):
            return None
        return b"".join([piece async for piece in drafts.read(path)])

    return await ask_once((id(drafts), path), read)


async def _manifest(period: BillingPeriod, reports: Reports) -> bytes:
    path = manifest_path(period.month)
    content = b"".join([piece async for piece in reports.read(path)])
    if sha256(content).hexdigest() != period.manifest:
        raise PeriodClosed(f"{path} {_OTHER_BYTES}")
    return content


async def sha256_of(pieces: AsyncIterator[bytes]) -> str:
    """The digest of a file."""
    digest = sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def _fault(file: PublishedFile, closed: Reports) -> str:
    is_same = await sha256_of(closed.read(file.path)) == file.sha256
    return "" if is_same else f"{file.path} {_OTHER_BYTES}"


async def _copy(file: PublishedFile, staged: Reports, closed: Reports) -> None:
    digest = sha256()
    async with closed.create(file.path, content_type_of(file.path), only_if_absent=True) as copy:
        async for piece in staged.read(file.path):
            digest.update(piece)
            await copy.write(piece)
        if digest.hexdigest() != file.sha256:
            raise Superseded(f"{file.path} was written again after it was published for closing")
