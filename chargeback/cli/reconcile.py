"""The books beside the provider's invoice, and the true-up between them."""

import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from chargeback.bootstrap import Container
from chargeback.cli.terminal import run
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.layout import reconciliation_path
from chargeback.domain.time.months import month

if TYPE_CHECKING:
    from chargeback.services.ports.reports import Invoices
    from chargeback.services.reconciling.reconcile import Reconciled

LARGEST = 15
"""So many variances are shown; all are in the report."""

app = typer.Typer()


@app.command()
def reconcile(
    period: Annotated[str, typer.Option(help="The month, YYYY-MM; it has to be published.")],
    export: Annotated[str | None, typer.Option(help="Folder of the export in the container cost-exports.")] = None,
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", help="A downloaded export instead: its folder, or a file of it; may be repeated."),
    ] = None,
    true_up: Annotated[
        bool | None,
        typer.Option("--true-up/--no-true-up", help="Charge what is between invoice and books; or take that back."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who sets or takes back the true-up; it is kept with it.")] = None,
    despite: Annotated[
        str,
        typer.Option(help="Why a true-up is set though calls wait for tokens or prices, or are estimated; kept, too."),
    ] = "",
) -> None:
    """Compare a published month with the Azure invoice, say why they differ, and write the report."""
    if true_up is not None and not by:
        raise typer.BadParameter("a true-up needs a name: add --by NAME")
    if from_ and export is not None:
        raise typer.BadParameter("--from and --export are two places for one invoice")
    named = month(period)
    for path in from_ or ():
        if not path.exists():
            raise typer.BadParameter(f"{path}: there is no such file or folder")

    async def work(container: Container) -> None:
        reconciled = await container.reconciler.reconcile(named, _downloaded(from_), export=export)
        _show(reconciled)
        typer.echo(f"reports/{reconciliation_path(named, 'csv')} and .json have all of it")
        await _true_up(container, reconciled, true_up, by or "", despite)

    run(work)


def _downloaded(paths: list[Path] | None) -> "Invoices | None":
    from chargeback.adapters.azure.cost_exports import LocalCostExports

    return LocalCostExports(paths) if paths else None


async def _true_up(container: Container, reconciled: "Reconciled", wanted: bool | None, by: str, despite: str) -> None:
    from chargeback.services.reconciling.true_up import amount_of, remove_true_up, set_true_up, true_up_parts
    from chargeback.services.reconciling.true_up_documents import TrueUps

    now, period, currency = datetime.now(UTC), reconciled.period, reconciled.currency
    if wanted:
        begins = await container.periods.first(now, (await container.catalogues.current()).calendar)
        done = await set_true_up(container.control, reconciled, by=by, now=now, despite=despite, begins=begins)
        typer.echo(f"true-up of {period}: {done.amount} {currency}, split with the next `publish`")
        if await container.published.is_closed(period):
            typer.echo(f"  {period} is closed: what differs from its files is a correction in the oldest open month")
        for part in done.parts:
            if Decimal(part.amount):
                typer.echo(f"  {part.name}: {part.amount} {currency}")
    elif wanted is False:
        was_there = await remove_true_up(container.control, period, by=by, now=now)
        typer.echo(f"the true-up of {period} is taken back" if was_there else f"{period} has no true-up")
    missing = [*reconciled.missing_of_the_invoice(), *reconciled.missing_of_the_books()]
    for each in missing if wanted is None else ():
        typer.echo(f"a true-up waits: {each}")
    if wanted is None and (known := (await TrueUps(container.control).get(period))[0]) and known.amount is not None:
        amount = amount_of(await true_up_parts(container.control, reconciled))
        typer.echo(f"true-up in force: {known.amount} {currency}, set by {known.by} at {known.at[:16]}")
        if Decimal(known.amount) != amount:
            typer.echo(f"  it would be {to_text(amount)} now: run --true-up again before the month closes")


def _show(reconciled: "Reconciled") -> None:
    # What came from outside may look like markup.
    console = Console(file=sys.stdout, highlight=False, markup=False)
    found, run_ = reconciled.found, reconciled.invoice.run
    console.print(
        f"{reconciled.period}: invoice {_amount(found.invoiced)}, books {_amount(found.booked)},"
        f" variance {_amount(found.variance)} {reconciled.currency}"
    )
    console.print(f"export {run_.name}, {run_.first} to {run_.last}", markup=False, soft_wrap=True)
    if found.by_cause():
        console.print(_causes(reconciled))
        console.print(_largest(reconciled))
    for title, costs in (
        ("meters without an entry in config/provider/retail-meters.yaml", found.unmapped_meters),
        ("accounts without an entry in config/company/deployments.yaml", found.unknown_resources),
    ):
        for name, cost in costs.items():
            console.print(f"{title}: {name}, {_amount(cost)}", markup=False, soft_wrap=True)
    if reconciled.exceeded:
        rules = reconciled.rules
        tolerance = f"{to_text(rules.absolute)} {reconciled.currency} and {to_text(rules.percent)} % of the invoice"
        console.print(f"above the tolerance of {tolerance}", style="bold red")


def _causes(reconciled: "Reconciled") -> Table:
    table = Table("cause", title="Why")
    table.add_column(reconciled.currency, justify="right")
    table.add_column("parts", justify="right")
    for cause, (amount, parts) in reconciled.found.by_cause().items():
        table.add_row(cause.value, _amount(amount), str(parts))
    return table


def _largest(reconciled: "Reconciled") -> Table:
    table = Table("day", "account", "meter", title=f"The largest variances, at most {LARGEST}")
    table.add_column(reconciled.currency, justify="right")
    table.add_column("evidence")
    differing = sorted((each for each in reconciled.found.variances if each.cost), key=lambda each: -abs(each.cost))
    for each in differing[:LARGEST]:
        parts = sorted(each.parts, key=lambda part: -abs(part.amount))
        evidence = "\n".join(f"{part.cause} {_amount(part.amount)}: {part.evidence}" for part in parts)
        table.add_row(each.day or "all", each.resource or "all", str(each.sku), _amount(each.cost), evidence)
    return table


def _amount(amount: Decimal) -> str:
    """For reading: cents, and what is less with six places; the report has every digit."""
    return f"{amount:,.2f}" if not amount or abs(amount) >= Decimal("0.01") else f"{amount:,.6f}"
