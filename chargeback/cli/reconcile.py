"""The provider's invoice and the books compared on the command line, and the true-up between them."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, print_json
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import (
    DRY_RUN,
    By,
    DryRun,
    Json,
    period_argument,
    reason_option,
    require_override_with_reason,
)
from chargeback.cli.signed_in import named_for
from chargeback.cli.tables import FigureTable
from chargeback.cli.terminal import rehearsed, run, say_once
from chargeback.domain.access.permissions import Permission
from chargeback.domain.money.exact import to_text
from chargeback.domain.money.numerals import at_places
from chargeback.domain.reports.layout import reconciliation_path
from chargeback.domain.time.months import month
from chargeback.services.reconciling import reconcile as service
from chargeback.services.reconciling.evidence import evidence_of
from chargeback.services.reconciling.reconcile import Reconciled
from chargeback.services.reconciling.reconciliation_summary import ReconciliationSummary, summary_of

if TYPE_CHECKING:
    from chargeback.services.ports.reports import Invoices

VARIANCES_SHOWN = 15
"""How many variances are shown; all are in the report."""

app = typer.Typer()


Export = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER", help="Folder of the export in the container cost-exports. Default: `export` of books.yaml."
    ),
]
From = Annotated[
    list[Path] | None,
    typer.Option(
        "--from",
        metavar="PATH",
        help="A downloaded export: its folder, or a file of it; may be repeated. Default: see --export.",
        show_default=False,
    ),
]
TrueUp = Annotated[
    bool | None,
    typer.Option(
        "--true-up/--no-true-up", help="Charge the difference between invoice and books, or take that charge back."
    ),
]
Override = Annotated[
    bool,
    typer.Option(
        "--override",
        help="Set the true-up although calls wait for tokens or prices, or are estimated; takes a --reason.",
    ),
]


class TrueUpInForce(Answer, frozen=True):
    """The true-up in force; `amount_now` is what it would be if it was set now."""

    amount: str
    currency: str
    by: str
    at: str
    amount_now: str


class ReconciledPeriod(Answer, frozen=True):
    """What `reconcile` prints: the report's sums, and the true-up of the period, if there is one.

    `is_dry_run`: nothing was written, and the true-up is what it would be.
    """

    is_dry_run: bool
    report: ReconciliationSummary
    true_up: TrueUpInForce | None


@app.command()
def reconcile(
    period: Annotated[str, period_argument("The month, YYYY-MM; it has to be published.")],
    export: Export = None,
    from_: From = None,
    true_up: TrueUp = None,
    by: By = None,
    override: Override = False,
    reason: Annotated[str | None, reason_option("With --override: why; goes on the record.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Compare a month with the Azure invoice.

    The month has to be published. Says why they differ, and writes the report.

    Example: chargeback reconcile 2026-03 --from ~/Downloads/focus-march/
    """
    _refuse_contradictions(export, from_, true_up, by)
    require_override_with_reason(override, reason)
    say_once(service.log)

    async def work(container: Container) -> None:
        named = await named_for(container, Permission.CHANGE_PERIODS, by, is_dry_run=dry_run)
        with rehearsed(container, is_dry_run=dry_run) as of:
            reconciled = await of.reconciler.reconcile(month(period), _downloaded(from_), export=export)
            told = list(await _change_true_up(of, reconciled, true_up, named, reason or ""))
            in_force = await _in_force(of, reconciled)
        if as_json:
            print_json(ReconciledPeriod(dry_run, summary_of(reconciled), in_force))
        else:
            _show(reconciled)
            if dry_run:
                typer.echo(f"{DRY_RUN}; without --dry-run there would be:")
            else:
                typer.echo(f"reports/{reconciliation_path(month(period), 'csv')} and .json have all of it")
            for line in told if true_up is not None else _standing(reconciled, in_force):
                typer.echo(line)
        finish(has_findings=reconciled.exceeded)

    run(work)


def _refuse_contradictions(
    export: str | None, downloaded: list[Path] | None, true_up: bool | None, by: str | None
) -> None:
    if true_up is None and by:
        raise typer.BadParameter("--by belongs to --true-up and --no-true-up")
    if downloaded and export is not None:
        raise typer.BadParameter("--from and --export name two places for one invoice: give only one")
    for path in downloaded or ():
        if not path.exists():
            raise typer.BadParameter(f"{path}: there is no such file or folder")


def _downloaded(paths: list[Path] | None) -> "Invoices | None":
    from chargeback.adapters.azure.cost_exports import LocalCostExports

    return LocalCostExports(paths) if paths else None


async def _change_true_up(
    container: Container, reconciled: Reconciled, wanted: bool | None, by: str, reason: str
) -> list[str]:
    """Set the true-up of the period or take it back; returns what was done."""
    from chargeback.services.reconciling.true_up import remove_true_up, set_true_up

    now, period, currency = datetime.now(UTC), reconciled.period, reconciled.currency
    if wanted is None:
        return []
    if not wanted:
        was_there = await remove_true_up(container.control, period, by=by, now=now)
        return [f"the true-up of {period} is taken back" if was_there else f"{period} has no true-up"]
    begins = await container.periods.first(now, (await container.catalogues.current()).calendar)
    done = await set_true_up(container.control, reconciled, by=by, now=now, despite=reason, begins=begins)
    told = [f"true-up of {period}: {done.amount} {currency}, split with the next `publish`"]
    if await container.published.is_closed(period):
        told.append(f"  {period} is closed: what differs from its files is a correction in the oldest open month")
    return told + [f"  {part.name}: {part.amount} {currency}" for part in done.parts if Decimal(part.amount)]


async def _in_force(container: Container, reconciled: Reconciled) -> TrueUpInForce | None:
    from chargeback.services.reconciling.true_up import amount_of, true_up_parts
    from chargeback.services.reconciling.true_up_documents import TrueUps

    known, _ = await TrueUps(container.control).get(reconciled.period)
    if known is None or known.amount is None:
        return None
    now = amount_of(await true_up_parts(container.control, reconciled))
    return TrueUpInForce(known.amount, reconciled.currency, known.by, known.at, to_text(now))


def _standing(reconciled: Reconciled, true_up: TrueUpInForce | None) -> Iterator[str]:
    for each in (*reconciled.missing_of_the_invoice(), *reconciled.missing_of_the_books()):
        yield f"a true-up waits: {each}"
    if true_up is not None:
        yield f"true-up in force: {true_up.amount} {true_up.currency}, set by {true_up.by} at {true_up.at[:16]}"
        if Decimal(true_up.amount) != Decimal(true_up.amount_now):
            yield f"  it would be {true_up.amount_now} now: run --true-up again before the month closes"


def _show(reconciled: Reconciled) -> None:
    # What came from outside may look like markup.
    console = Console(file=sys.stdout, highlight=False, markup=False)
    found, run_ = reconciled.found, reconciled.invoice.run
    console.print(
        f"{reconciled.period}: invoice {_amount(found.invoiced)}, books {_amount(found.booked)},"
        f" variance {_amount(found.variance)} {reconciled.currency}",
        soft_wrap=True,
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


def _causes(reconciled: Reconciled) -> FigureTable:
    table = FigureTable("cause", title="Why")
    table.add_column(reconciled.currency, justify="right")
    table.add_column("parts", justify="right")
    for cause, (amount, parts) in reconciled.found.by_cause().items():
        table.add_row(cause.value, _amount(amount), str(parts))
    return table


def _largest(reconciled: Reconciled) -> FigureTable:
    table = FigureTable("day", "account", "meter", title=f"The largest variances, at most {VARIANCES_SHOWN}")
    table.add_column(reconciled.currency, justify="right")
    table.add_column("evidence")
    differing = sorted((each for each in reconciled.found.variances if each.cost), key=lambda each: -abs(each.cost))
    for each in differing[:VARIANCES_SHOWN]:
        parts = sorted(each.parts, key=lambda part: -abs(part.amount))
        evidence = "\n".join(f"{part.cause} {_amount(part.amount)}: {evidence_of(each, part)}" for part in parts)
        table.add_row(each.day or "all", each.resource or "all", str(each.sku), _amount(each.cost), evidence)
    return table


def _amount(amount: Decimal) -> str:
    """For reading: cents, and what is less with six places; the report has every digit."""
    return at_places(amount, 2 if not amount or abs(amount) >= Decimal("0.01") else 6)
