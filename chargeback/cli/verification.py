"""Verifying a closed period on the command line: from the container, or from what was downloaded of it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from chargeback.adapters.config.applied import read_stored
from chargeback.adapters.folder_reports import FolderReports
from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json, Period
from chargeback.cli.terminal import counted, progress, run
from chargeback.domain.errors import PeriodClosed
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.layout import (
    evidence_folder,
    evidence_index_path,
    manifest_path,
    name_of,
    period_folder,
)
from chargeback.domain.time.months import Month, month


class VerifiedFinding(Answer, frozen=True):
    """Something that is not as it was closed; `path` is empty where it is about no single file."""

    path: str
    what: str


class VerifiedSum(Answer, frozen=True):
    """What a cost centre is charged, computed again."""

    cost_centre: str
    currency: str
    cost: str


class VerifiedPeriod(Answer, frozen=True):
    """What `periods verify` found; `manifest` is the SHA-256 of the manifest that was read.

    `files` were compared with their digests. `is_recomputed` says whether the rows and the sums, made again from the
    evidence alone, have the bytes that were closed.
    """

    period: str
    manifest: str
    files: int
    has_evidence: bool
    is_recomputed: bool
    approved_by: str | None
    sums: tuple[VerifiedSum, ...]
    findings: tuple[VerifiedFinding, ...]


def verify(
    period: Period,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="What was downloaded of the container closed: the period's folder, or its evidence; needs no setting."
            " Default: the container itself.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute a closed period from its evidence.

    Compares every file with its hash, rates and allocates the usage again, and makes the rows again, byte for byte.

    Example: chargeback periods verify 2026-03 --from ~/Downloads/2026-03
    """
    named = month(period)

    async def work(container: Container) -> None:
        from chargeback.services.verifying.verify_period import Verifier

        known = None if from_ else (await container.periods.get(named))[0]
        if known is not None and known.state is not PeriodState.CLOSED:
            raise PeriodClosed(f"{named} is {known.state}: only what is closed has evidence")
        closed = _downloaded(from_, named) if from_ else container.closed_reports
        journal = None if from_ else (await container.journals.records.get(named))[0]
        of_journal = None if from_ else journal.sha256 if journal else ""
        with TemporaryDirectory(prefix="verify-") as folder, progress(period, None) as advance:
            into = FolderReports(Path(folder))
            verifier = Verifier(named, closed, into, read_stored, known.manifest if known else "", of_journal)
            done = await verifier.verify(counted(advance))
        verified = VerifiedPeriod(
            period=named,
            manifest=done.manifest,
            files=done.files,
            has_evidence=done.has_evidence,
            is_recomputed=done.is_recomputed,
            approved_by=done.approved_by,
            sums=tuple(VerifiedSum(each.cost_centre, each.currency, each.cost) for each in done.sums),
            findings=tuple(VerifiedFinding(each.path, each.what) for each in done.findings),
        )
        answer(verified, _verified(verified, is_known=known is not None), as_json=as_json)
        finish(has_findings=bool(verified.findings))

    run(work)


def _downloaded(folder: Path, period: Month) -> FolderReports:
    """The folder of a container, of a period or of its evidence, by the paths that the container has."""
    if (folder / period).is_dir():
        return FolderReports(folder)
    index, manifest = (folder / name_of(path) for path in (evidence_index_path(period), manifest_path(period)))
    is_evidence = index.exists() and not manifest.exists()
    return FolderReports(folder, evidence_folder(period) if is_evidence else period_folder(period))


def _verified(verified: VerifiedPeriod, *, is_known: bool) -> Iterator[str]:
    for each in verified.sums:
        yield f"  {each.cost_centre}: {each.cost} {each.currency}"
    for finding in verified.findings:
        yield f"{finding.path or verified.period}: {finding.what}"
    if verified.manifest:
        of_record = "as it was closed with" if is_known else "compare it with `periods show`, or with what was booked"
        yield (
            f"manifest sha256 {verified.manifest}: {of_record}"
            if not verified.findings
            else (f"manifest sha256 {verified.manifest}")
        )
    if verified.approved_by is not None:
        yield f"approved by {verified.approved_by}"
    again = (
        "rows and sums computed again are the bytes that were closed" if verified.is_recomputed else "not recomputed"
    )
    yield f"{verified.period}: {verified.files} files compared, {again}; {len(verified.findings)} findings"
