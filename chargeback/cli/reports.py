"""The files of a month."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.terminal import counted, progress, run, show_files
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.layout import manifest_path, period_folder
from chargeback.domain.time.months import month
from chargeback.services.ports.reports import Reports

app = typer.Typer()


@app.command()
def publish(
    period: Annotated[str, typer.Option(help="The month, YYYY-MM.")],
    out: Annotated[Path | None, typer.Option(help="Also download the files into this folder.")] = None,
) -> None:
    """Write the period's files to Blob storage; those of a closed period are compared with their hashes instead."""
    named = month(period)

    async def work(container: Container) -> None:
        with progress(period, None) as advance:
            manifest = await container.drafts.publish(named, datetime.now(UTC), counted(advance))
        typer.echo(f"{period}: {manifest.files[0].rows} rows; " + ", ".join(_totals(manifest.totals)))
        known, _ = await container.periods.get(named)
        is_closed = known.state is PeriodState.CLOSED
        if is_closed:
            typer.echo("it is closed, and every file is as it was closed:")
        digests = {file.path: f": sha256 {file.sha256}" for file in manifest.files} if is_closed else {}
        digests[manifest_path(named)] = f": sha256 {known.manifest}" if is_closed else ""
        reports, where = (container.closed_reports, "closed") if is_closed else (container.reports, "reports")
        paths = await reports.paths(period_folder(named))
        show_files(where, {path: digests.get(path, "") for path in paths})
        if out is not None:
            with progress("downloading", len(paths)) as advance:
                for path in paths:
                    await _download(reports, path, out)
                    advance(1)
            typer.echo(f"    → {out / period}")

    run(work)


async def _download(reports: Reports, path: str, folder: Path) -> None:
    target = folder / path
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    with target.open("wb") as file:
        async for chunk in reports.read(path):
            file.write(chunk)


def _totals(totals: dict[str, str]) -> list[str]:
    return [f"{amount} {currency}" for currency, amount in sorted(totals.items())] or ["nothing to bill"]
