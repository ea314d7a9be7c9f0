"""Finds the files of a period that somebody may have: drafts of an open one, the final files of a closed one."""

from dataclasses import dataclass
from hashlib import sha256
from itertools import chain

import msgspec

from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.access.requester import Requester
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.layout import (
    folder_of_statement,
    is_beside,
    manifest_path,
    period_folder,
    starts_beside,
    statement_folder,
)
from chargeback.domain.reports.manifest import Manifest, PublishedFile
from chargeback.domain.time.months import Month
from chargeback.services.closing.file_period import draft_manifest_file, files_of
from chargeback.services.closing.parallel import for_each
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.reports import Reports
from chargeback.services.running.together import together


@dataclass(frozen=True, slots=True)
class FileForPeople:
    """A file that somebody may have.

    Attributes:
        reports: where it is.
        file: its path, size and digest; the digest is empty where no manifest names the file.
        is_final: whether it stays as it is for ever.
    """

    reports: Reports
    file: PublishedFile
    is_final: bool


@dataclass(frozen=True, slots=True)
class FilesOfPeriod:
    """The files of a period that somebody may have; `is_final`: those of its manifest stay as they are for ever."""

    files: tuple[FileForPeople, ...]
    is_final: bool


@dataclass(frozen=True, slots=True)
class FilesForPeople:
    """Lists the files of a period, from its manifest and what lies beside it: no name leads anywhere else."""

    periods: Periods
    drafts: Reports
    closed: Reports

    async def of(self, who: Requester, period: Month) -> FilesOfPeriod:
        """What somebody may have of a period; nothing where it was never published, or nothing is for them."""
        known, _ = await self.periods.get(period)
        is_final = known.state is PeriodState.CLOSED and known.is_filed
        if is_final:
            found, reports = await files_of(known, self.closed), self.closed
        else:
            found, reports = await self._drafts(period), self.drafts
        named = [FileForPeople(reports, each, is_final) for each in found if _may_have(who, each.path)]
        beside: list[FileForPeople] = []
        if named and who.scope.everything:
            beside = await self._beside(period, {each.path for each in found}, is_final=is_final)
        return FilesOfPeriod((*named, *beside), is_final)

    async def _beside(self, period: Month, named: set[str], *, is_final: bool) -> list[FileForPeople]:
        """Journals, comparisons with the invoice, accruals and plans: no manifest names them."""
        kept = await self.closed.paths(period_folder(period)) if is_final else []
        closed = [path for path in kept if path not in named]
        found = chain.from_iterable(await together(*map(self.drafts.paths, starts_beside(period))))
        others = [path for path in found if is_beside(path, period)]
        beside = [*((self.closed, path, True) for path in closed), *((self.drafts, path, False) for path in others)]
        sizes: dict[tuple[bool, str], int] = {}

        async def look(each: tuple[Reports, str, bool]) -> None:
            reports, path, is_final = each
            sizes[is_final, path] = (await reports.open(path)).size

        await for_each(beside, look)
        return [
            FileForPeople(reports, PublishedFile(path, 0, sizes[final, path], ""), final)
            for reports, path, final in beside
        ]

    async def _drafts(self, period: Month) -> list[PublishedFile]:
        content = await draft_manifest_file(period, self.drafts)
        if content is None:
            return []
        own = PublishedFile(manifest_path(period), 1, len(content), sha256(content).hexdigest())
        return [*msgspec.json.decode(content, type=Manifest).files, own]


def _may_have(who: Requester, path: str) -> bool:
    """Whole files are for those who see everything; an owner has the statements of the own cost centres."""
    if refusal(who, Permission.DOWNLOAD_FILES) is not None:
        return False
    if who.scope.everything:
        return True
    if (statements := folder_of_statement(path)) is None:
        return False
    folder = path.removeprefix(statements).rpartition("/")[0]
    return any(_is_within(folder, statement_folder(top)) for top in who.scope.cost_centres)


def _is_within(folder: str, top: str) -> bool:
    return folder == top or folder.startswith(f"{top}/")
