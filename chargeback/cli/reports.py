"""The files of a month on the command line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json, Overwrite, Period, refuse_existing
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import counted, listed, progress, run, written
from chargeback.domain.access.permissions import Permission
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodState
from chargeback.domain.reports.layout import manifest_path, period_folder
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.time.months import month
from chargeback.domain.usage.states import LineState
from chargeback.services.ports.reports import Reports

app = typer.Typer()


class PublishedPath(Answer, frozen=True):
    """A file of the period in its container; `sha256` is empty while the period is open."""

    path: str
    sha256: str


class PublishedPeriod(Answer, frozen=True):
    """What `publish` wrote; `container` has the files, and `folder` those that were downloaded, if any."""

    period: str
    state: str
    rows: int
    unpriced_rows: int
    totals: dict[str, str]
    container: str
    files: tuple[PublishedPath, ...]
    folder: str


@app.command()
def publish(
    period: Period,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out-dir", metavar="FOLDER", help="Also download the files into this folder. Default: no download."
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write a month's files to Blob storage.

    The files of a closed month are compared with their hashes instead.

    Example: chargeback publish 2026-03 --out-dir reports
    """
    if out_dir is not None:
        refuse_existing(out_dir / period, overwrite=overwrite)

    named = month(period)

    async def work(container: Container) -> None:
        await acting(container, Permission.CHANGE_PERIODS)
        with progress(period, None) as advance:
            manifest = await container.drafts.publish(named, datetime.now(UTC), counted(advance))
        known, _ = await container.periods.get(named)
        is_closed = known.state is PeriodState.CLOSED
        reports, name = (container.closed_reports, "closed") if is_closed else (container.reports, "reports")
        paths = await reports.paths(period_folder(named))
        if out_dir is not None:
            with progress("downloading", len(paths)) as advance:
                for path in paths:
                    await _download(reports, path, out_dir)
                    advance(1)
        published = _published(manifest, known, paths, name, out_dir)
        answer(published, _told(published), as_json=as_json)
        finish(has_findings=published.unpriced_rows > 0)

    run(work)


def _published(
    manifest: Manifest, known: BillingPeriod, paths: list[str], container: str, out_dir: Path | None
) -> PublishedPeriod:
    digests = {file.path: file.sha256 for file in manifest.files} if known.state is PeriodState.CLOSED else {}
    digests[manifest_path(known.month)] = known.manifest
    return PublishedPeriod(
        period=known.month,
        state=known.state,
        rows=manifest.files[0].rows,
        unpriced_rows=manifest.states[LineState.UNPRICED].rows if LineState.UNPRICED in manifest.states else 0,
        totals=manifest.totals,
        container=container,
        files=tuple(PublishedPath(path, digests.get(path, "")) for path in paths),
        folder=str(out_dir / known.month) if out_dir is not None else "",
    )


async def _download(reports: Reports, path: str, folder: Path) -> None:
    target = folder / path
    with written(target), target.open("wb") as file:
        async for chunk in reports.read(path):
            file.write(chunk)


def _told(published: PublishedPeriod) -> Iterator[str]:
    totals = [f"{amount} {currency}" for currency, amount in sorted(published.totals.items())] or ["nothing to bill"]
    yield f"{published.period}: {published.rows} rows; " + ", ".join(totals)
    if published.unpriced_rows:
        yield f"{published.unpriced_rows} rows have no price, so their cost is not in these sums"
    if published.state == PeriodState.CLOSED:
        yield "it is closed, and every file is as it was closed:"
    said = {each.path: f": sha256 {each.sha256}" if each.sha256 else "" for each in published.files}
    yield from listed(published.container, said)
    if published.folder:
        yield f"    → {published.folder}"
