"""Says whether a closed period is what its evidence comes to, and names each thing that is not."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from chargeback import __version__
from chargeback.domain.errors import ChargebackError
from chargeback.domain.reports.evidence import (
    EVIDENCE_VERSION,
    CentreSum,
    EvidenceFile,
    EvidenceIndex,
    EvidenceRecord,
)
from chargeback.domain.reports.layout import (
    evidence_folder,
    evidence_index_path,
    evidence_record_path,
    journal_path,
    manifest_path,
    period_folder,
    summary_path,
)
from chargeback.domain.reports.manifest import Deed, Manifest, PublishedFile, unguarded
from chargeback.domain.time.months import Month
from chargeback.services.ports.reports import Reports
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.progress import Progress, ignore_progress
from chargeback.services.verifying.compare_files import differing_files, differing_rows
from chargeback.services.verifying.recompute import ReadConfig, Recomputation, content_of

FAULTS_NAMED = 20
"""Most lines of usage that are named because they were charged otherwise; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that is not as it was closed.

    Attributes:
        path: the file; empty where it is about no single one.
        what: what is wrong, and where in the file.
    """

    path: str
    what: str


@dataclass(slots=True)
class Verification:
    """What verifying a period found.

    Attributes:
        manifest: SHA-256 of the manifest; empty where only the evidence is there.
        files: how many files were compared with their digests.
        has_evidence: False for a period that was closed before evidence was kept.
        is_recomputed: whether the rows and the sums were made again and have the same bytes.
        sums: what the cost centres are charged, recomputed.
    """

    period: Month
    manifest: str = ""
    files: int = 0
    has_evidence: bool = True
    is_recomputed: bool = False
    approved_by: str | None = None
    deeds: Sequence[Deed] = ()
    sums: Sequence[CentreSum] = ()
    findings: list[Discrepancy] = field(default_factory=list)

    def found(self, path: str, what: str) -> None:
        """Note a finding."""
        self.findings.append(Discrepancy(path, what))


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies one period.

    Attributes:
        closed: the container `closed`, or what was downloaded of it.
        into: where the recomputed files go meanwhile.
        expected: SHA-256 of the manifest by the period's record; empty where nobody can ask for it.
        journal: SHA-256 of the journal by its record; empty where none was made, None where nobody can ask for it.
    """

    period: Month
    closed: Reports
    into: Reports
    read_config: ReadConfig
    expected: str = ""
    journal: str | None = None

    async def verify(self, progress: Progress = ignore_progress) -> Verification:
        """Compare every byte, rate every line again, and make the rows and sums of the period again."""
        found = Verification(self.period)
        present = await self.closed.paths(period_folder(self.period))
        manifest = await self._manifest(found, present)
        await self._journal(found, present)
        index = await self._index(found, present, manifest)
        if index is None:
            return found
        await self._compare(found, present, index, manifest)
        try:
            await self._recompute(found, index, present, progress)
        except (ChargebackError, msgspec.MsgspecError, KeyError, ValueError, OSError) as error:
            found.found(evidence_folder(self.period), f"the period cannot be recomputed from it: {reason_of(error)}")
        return found

    async def _manifest(self, found: Verification, present: Sequence[str]) -> Manifest | None:
        path = manifest_path(self.period)
        if path not in present:
            if self.expected or evidence_index_path(self.period) not in present:
                found.found(path, "is missing")
            return None
        content = await content_of(self.closed, path)
        found.manifest = sha256(content).hexdigest()
        if self.expected and found.manifest != self.expected:
            found.found(path, f"has SHA-256 {found.manifest}; the period was closed with {self.expected}")
        try:
            manifest = msgspec.json.decode(content, type=Manifest)
        except msgspec.MsgspecError as error:
            found.found(path, f"cannot be read: {error}")
            return None
        found.approved_by, found.deeds = manifest.approved_by, manifest.deeds
        return manifest

    async def _journal(self, found: Verification, present: Sequence[str]) -> None:
        """The journal is made after the manifest, which therefore cannot name it: its own record does."""
        path = journal_path(self.period)
        if self.journal is None or (path not in present and not self.journal):
            return
        if path not in present:
            found.found(path, "is missing; `chargeback postings make` writes the same one again")
        elif not self.journal:
            found.found(path, "was inserted: no journal of the period is on record")
        elif (digest := sha256(await content_of(self.closed, path)).hexdigest()) != self.journal:
            found.found(path, f"has SHA-256 {digest}; it was written with {self.journal}")

    async def _index(
        self, found: Verification, present: Sequence[str], manifest: Manifest | None
    ) -> EvidenceIndex | None:
        path = evidence_index_path(self.period)
        named = [file for file in manifest.files if file.path == path] if manifest else []
        if manifest is not None and not named:
            found.has_evidence = False
            found.found("", "was closed before evidence was kept, so nobody can recompute it")
            found.files = len(manifest.files) + 1
            await self._differ(found, present, manifest.files)
            self._inserted(found, present, {file.path for file in manifest.files} | {manifest_path(self.period)})
            return None
        if path not in present:
            found.found(path, "is missing")
            return None
        await self._differ(found, present, named)
        try:
            index = msgspec.json.decode(await content_of(self.closed, path), type=EvidenceIndex)
        except msgspec.MsgspecError as error:
            found.found(path, f"cannot be read: {error}")
            return None
        if (index.version, index.billing_period) != (EVIDENCE_VERSION, self.period):
            found.found(path, f"is version {index.version} of {index.billing_period}")
        return index

    async def _compare(
        self, found: Verification, present: Sequence[str], index: EvidenceIndex, manifest: Manifest | None
    ) -> None:
        named = {file.path: file for file in index.files}
        others = [file for file in manifest.files if file.path not in named] if manifest else []
        for file in manifest.files if manifest else ():
            if file.path in named and named[file.path].sha256 != file.sha256:
                found.found(file.path, "has one digest in the manifest and another one in the index of the evidence")
        await self._differ(found, present, index.files)
        await self._differ(found, present, [file for file in others if file.path != evidence_index_path(self.period)])
        own = {manifest_path(self.period), evidence_index_path(self.period)}
        known = {*named, *(file.path for file in others), *own}
        within = present if manifest else [path for path in present if path.startswith(evidence_folder(self.period))]
        self._inserted(found, within, known)
        found.files = len(known & set(present))

    async def _differ(
        self, found: Verification, present: Sequence[str], files: Sequence[PublishedFile | EvidenceFile]
    ) -> None:
        async for path, what in differing_files(self.closed, present, files):
            found.found(path, what)

    def _inserted(self, found: Verification, present: Sequence[str], known: set[str]) -> None:
        later = {journal_path(self.period)}
        for path in present:
            if path not in known | later:
                found.found(path, "was inserted: neither the manifest nor the index names it")

    async def _recompute(
        self, found: Verification, index: EvidenceIndex, present: Sequence[str], progress: Progress
    ) -> None:
        content = await content_of(self.closed, evidence_record_path(self.period))
        record = msgspec.json.decode(content, type=EvidenceRecord)
        again = Recomputation(record, self.closed, self.into, self.read_config)
        await _first_named(found, evidence_folder(self.period) + "usage/", again.rate_again(progress))
        made = {file.path: file for file in (await again.publish(progress)).files}
        is_same = True
        for result in index.results:
            is_same &= await self._same(found, result, made.get(result.path), present)
        if not is_same and record.product_version != __version__:
            by = f"version {record.product_version}" if record.product_version else "an earlier version"
            found.found("", f"it was closed by {by} of this product, and {__version__} may write further columns")
        found.sums = await self._sums(found, index, made)
        found.is_recomputed = is_same

    async def _same(
        self, found: Verification, was: PublishedFile, now: PublishedFile | None, present: Sequence[str]
    ) -> bool:
        if now is not None and (now.sha256, now.bytes) == (was.sha256, was.bytes):
            if was.path in present:
                for said in await differing_rows(self.closed.read(was.path), self.into.read(was.path)):
                    found.found(was.path, said)
            return True
        found.found(was.path, f"recomputed it has SHA-256 {now.sha256 if now else 'none'}, and {was.sha256} was closed")
        if now is not None and was.path in present:
            for said in await differing_rows(self.closed.read(was.path), self.into.read(was.path)):
                found.found(was.path, said)
        return False

    async def _sums(
        self, found: Verification, index: EvidenceIndex, made: dict[str, PublishedFile]
    ) -> Sequence[CentreSum]:
        """The sums of the recomputed summary; each that differs from what was closed is a finding."""
        path = summary_path(self.period)
        if path not in made:
            return ()
        now = [each async for each in _summed(self.into, path)]
        before, after = ({(each.cost_centre, each.currency): each.cost for each in sums} for sums in (index.sums, now))
        for centre, currency in sorted(before.keys() | after.keys()):
            was, due = before.get((centre, currency), "nothing"), after.get((centre, currency), "nothing")
            if was != due:
                found.found(path, f"{centre}: {was} {currency} was charged, and {due} is due")
        return now


async def _first_named(found: Verification, path: str, faults: AsyncIterator[str]) -> None:
    count = 0
    async for fault in faults:
        count += 1
        if count <= FAULTS_NAMED:
            found.found(path, fault)
    if count > FAULTS_NAMED:
        found.found(path, f"and {count - FAULTS_NAMED} lines more")


async def _summed(reports: Reports, path: str) -> AsyncIterator[CentreSum]:
    text = (await content_of(reports, path)).decode()
    for row in csv.DictReader(io.StringIO(text, newline="")):
        yield CentreSum(unguarded(row["cost_centre"]), row["currency"], row["cost"])
