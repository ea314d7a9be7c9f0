"""What could not be handled: shown, and tried again after a repair."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.terminal import run
from chargeback.services.running.set_aside import Left

app = typer.Typer()


@app.command("set-aside")
def set_aside(
    retry: Annotated[bool, typer.Option("--retry", help="Try all of it again first.")] = False,
) -> None:
    """List what the services left out, by stage and day, with the reasons: it keeps its month from closing."""

    async def work(container: Container) -> None:
        if retry:
            await container.retry.all(datetime.now(UTC))
        left = await container.set_aside.all()
        for each in left:
            _show(each)
        batches = await container.quarantine.batches()
        if batches:
            typer.echo(f"quarantine: {len(batches)} batches of events since {batches[0][:10]}; see `replay`")
        if not left and not batches:
            typer.echo("nothing is set aside")

    run(work)


def _show(left: Left) -> None:
    typer.echo(f"{left.stage} {left.day}: {left.count} parts")
    for name, reason in left.parts.items():
        typer.echo(f"  {name}: {reason}")
    if left.count > len(left.parts):
        typer.echo(f"  and {left.count - len(left.parts)} more")
