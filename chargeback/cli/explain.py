"""From an amount to its price, source, rule, records and events."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from chargeback.bootstrap import Container
from chargeback.cli.terminal import run
from chargeback.domain.errors import ChargebackError
from chargeback.domain.time.months import month

app = typer.Typer()


@app.command()
def explain(
    period: Annotated[str, typer.Option(help="The month, YYYY-MM; it has to be published.")],
    cost_centre: Annotated[str, typer.Option(help="Path of the cost centre, or `unallocated`.")],
    charge: Annotated[str, typer.Option(help="A charge id of the month's files: explained down to its events.")] = "",
    model: Annotated[str, typer.Option(help="Only usage of this model, such as gpt-4o.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How much of each list is shown.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Also write it as JSON, for auditors.")] = None,
) -> None:
    """Say why a cost centre pays what it pays in a month."""
    named = month(period)

    async def work(container: Container) -> None:
        from dataclasses import replace

        from chargeback.services.explaining.render_explanation import text_of

        explainer = replace(container.explainer, limit=limit)
        found = await explainer.explain(named, cost_centre, model=model, charge_id=charge)
        typer.echo(text_of(found))
        if out is not None:
            try:
                out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
            except OSError as error:
                raise ChargebackError(f"{out}: {error.strerror}") from error
            typer.echo(f"\n→ {out}")

    run(work)
