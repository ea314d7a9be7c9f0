"""An amount explained on the command line: its price, source, rule, records and events."""

from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import print_json
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json, period_argument
from chargeback.cli.terminal import run
from chargeback.domain.time.months import month
from chargeback.services.explaining.explanation import ExplainedUsage

app = typer.Typer()


@app.command()
def explain(
    period: Annotated[str, period_argument("The month, YYYY-MM; it has to be published.")],
    cost_centre: Annotated[str, typer.Option(metavar="PATH", help="Path of the cost centre, or `unallocated`.")],
    charge: Annotated[
        str,
        typer.Option(
            metavar="ID", help="A charge id of the month's files: explained down to its events. Default: none."
        ),
    ] = "",
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="Only usage of this model, such as gpt-4o. Default: all.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How much of each list is shown.")] = 10,
    as_json: Json = False,
) -> None:
    """Say why a cost centre pays what it pays.

    Example: chargeback explain 2026-03 --cost-centre product/search
    """

    async def work(container: Container) -> None:
        from dataclasses import replace

        from chargeback.services.explaining.render_explanation import text_of

        explainer = replace(container.explainer, limit=limit)
        found = await explainer.explain(month(period), cost_centre, model=model, charge_id=charge)
        if as_json:
            print_json(found)
        else:
            typer.echo(text_of(found))
        finish(has_findings=isinstance(found.charge, ExplainedUsage) and bool(found.charge.disagreements))

    run(work)
