"""The files of a month."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.terminal import progress, run

app = typer.Typer()


@app.command()
def publish(
    period: Annotated[str, typer.Option(help="The month, YYYY-MM.")],
    out: Annotated[Path | None, typer.Option(help="Also download the files into this folder.")] = None,
) -> None:
    """Write the month's chargeback CSV, its summary and the manifest to Blob storage."""

    async def work(container: Container) -> None:
        with progress(period, None) as advance:
            done: dict[str, int] = {}

            def report(doing: str, rows: int) -> None:
                advance(rows - done.get(doing, 0))
                done[doing] = rows

            manifest = await container.publish(period, report)
        typer.echo(f"{period}: {manifest.files[0].rows} rows; " + ", ".join(_totals(manifest.totals)))
        for path in await container.reports.paths(f"{period}/"):
            typer.echo(f"  reports/{path}")
            if out is not None:
                await _download(container, path, out)

    run(work)


async def _download(container: Container, path: str, folder: Path) -> None:
    target = folder / path
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    with target.open("wb") as file:
        async for chunk in container.reports.read(path):
            file.write(chunk)
    typer.echo(f"    → {target}")


def _totals(totals: dict[str, str]) -> list[str]:
    return [f"{amount} {currency}" for currency, amount in sorted(totals.items())] or ["nothing to bill"]
