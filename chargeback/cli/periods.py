"""Billing periods: how far each is, closing, and correcting closed ones."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.terminal import counted, progress, run, show_files
from chargeback.domain.money.exact import to_text
from chargeback.domain.periods.lifecycle import BillingPeriod, PeriodChange, PeriodState
from chargeback.domain.reports.layout import manifest_path
from chargeback.domain.time.months import month

app = typer.Typer(help="Billing periods: open, closing, closed.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="PERIOD", help="The month, YYYY-MM.")]
By = Annotated[str, typer.Option(help="Who does it, for the history.")]


@app.command("list")
def list_periods() -> None:
    """Every period of the books and how far it is."""

    async def work(container: Container) -> None:
        for period in await container.periods.closed():
            typer.echo(_line(period))
        for name in await container.drafts.open_periods(datetime.now(UTC)):
            period, _ = await container.periods.get(name)
            typer.echo(_line(period))

    run(work)


@app.command()
def show(period: Name) -> None:
    """A period's state, history and files with their hashes."""

    async def work(container: Container) -> None:
        calendar = (await container.catalogues.current()).calendar
        named = month(period)
        start, end = calendar.bounds(named)
        known, _ = await container.periods.get(named)
        typer.echo(_line(known))
        typer.echo(f"from {start:%Y-%m-%dT%H:%MZ} until {end:%Y-%m-%dT%H:%MZ}, {calendar.time_zone(named)}")
        for change in known.history:
            typer.echo(_entry(change))
        if known.is_filed:
            from chargeback.services.closing.file_period import files_of

            files = await files_of(known, container.closed_reports)
            show_files("closed", {file.path: f": {file.bytes} bytes, sha256 {file.sha256}" for file in files})

    run(work)


@app.command()
def close(
    period: Name,
    by: By,
    override: Annotated[
        str, typer.Option(help="Why it is closed although usage is unsettled or unpriced; goes on the record.")
    ] = "",
) -> None:
    """Close a period: its files become final, and whatever comes later is a correction in the oldest open period."""

    async def work(container: Container) -> None:
        from chargeback.services.closing.finish_days import ClosingRequest

        named = month(period)
        before, _ = await container.periods.get(named)
        with progress(period, None) as advance:
            request = ClosingRequest(by, datetime.now(UTC), override)
            closed = await container.closer.close(named, request, counted(advance))
        if before.state is PeriodState.CLOSED:
            typer.echo("it was closed before; nothing changed")
        typer.echo(_line(closed))
        typer.echo(f"  closed/{manifest_path(named)}: sha256 {closed.manifest}")

    run(work)


@app.command()
def correct(
    period: Name,
    by: By,
    reason: Annotated[str, typer.Option(help="What was wrong, for the history.")],
) -> None:
    """Rate a closed period with the configuration in force now; the differences become corrections."""

    async def work(container: Container) -> None:
        from chargeback.services.closing.correct_period import correct_period

        named = month(period)
        change = PeriodChange("rated anew", datetime.now(UTC), by, reason)
        done = await correct_period(named, container.closing_books, container.ledger, change)
        oldest = (await container.drafts.open_periods(datetime.now(UTC)))[0]
        for rate in done.rates:
            typer.echo(
                f"{period}: 1 {rate.from_currency} is {to_text(rate.rate)} {rate.to_currency}, as of"
                f" {rate.date}; the difference is a correction in {oldest} from its next publication on"
            )
        if done.lines:
            typer.echo(
                f"{period}: {done.lines} lines of {done.days} days differ by {to_text(done.cost)} {done.currency};"
                f" the differences are corrections in {oldest} from its next publication on"
            )
        else:
            typer.echo(f"{period}: rated with the configuration in force; no line differs from what was in the books")

    run(work)


@app.command()
def reopen(period: Name) -> None:
    """Refused: a closed period stays closed. Says what to do instead."""

    async def work(container: Container) -> None:
        from chargeback.services.closing.correct_period import refuse_reopening

        known, _ = await container.periods.get(month(period))
        raise refuse_reopening(known)

    run(work)


def _line(period: BillingPeriod) -> str:
    if not period.history:
        return f"{period.month}  {period.state}"
    last = period.history[-1]
    filing = (
        ""
        if period.state is not PeriodState.CLOSED or period.is_filed
        else "; its files are not all in their place yet"
    )
    return f"{period.month}  {period.state}  {last.what} by {last.by} at {last.at:%Y-%m-%dT%H:%MZ}{filing}"


def _entry(change: PeriodChange) -> str:
    parts = [f"  {change.at:%Y-%m-%dT%H:%MZ}  {change.what} by {change.by}"]
    if change.reason:
        parts.append(f"because: {change.reason}")
    if change.version:
        parts.append(f"configuration {change.version}")
    return "; ".join([*parts, *(f"overridden: {each}" for each in change.overridden)])
