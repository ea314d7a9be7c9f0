"""Where the month is going, and what stands out in it."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from chargeback.bootstrap import Container
from chargeback.cli.forecast_tables import show_anomalies, show_budgets, show_forecasts
from chargeback.cli.terminal import book_date_of, counted, progress, run
from chargeback.domain.cost_centres.tree import EVERYTHING, is_within
from chargeback.domain.outlook.anomalies import Sensitivity
from chargeback.domain.time.days import book_namesake, shifted, utc_day
from chargeback.domain.time.months import dates_of, month
from chargeback.services.forecasting import look_ahead
from chargeback.services.forecasting.spend_history import read_until, viewpoint

app = typer.Typer()

Period = Annotated[str | None, typer.Option(help="The month, YYYY-MM; the one under way if unset.")]
Centre = Annotated[str, typer.Option("--cost-centre", help="Only this cost centre and those below it.")]
AsOf = Annotated[str | None, typer.Option(help="As it could be told when this day (YYYY-MM-DD) began.")]
Out = Annotated[Path | None, typer.Option(help="Also write what is shown into this JSON file.")]


@app.command()
def forecast(period: Period = None, cost_centre: Centre = EVERYTHING, as_of: AsOf = None, out: Out = None) -> None:
    """Project each cost centre's month end with its intervals, and the day on which each budget is used up."""

    async def work(container: Container) -> None:
        calendar = (await container.catalogues.current()).calendar
        today = calendar.date_of(datetime.now(UTC))
        view = viewpoint(today, period=month(period) if period else None, as_of=book_date_of(as_of) if as_of else None)
        history = await read_until(container.books, view)
        centres = look_ahead.centres_of(history, cost_centre)
        terms = await container.catalogues.terms()
        into = history.into(calendar.currency(view.period), terms, view.period)
        with progress("cost centres", len(centres)) as advance:
            found = await look_ahead.forecasts(history, view, centres, into, counted(advance))
        budgets = [each for each in terms.budgets if is_within(each.cost_centre, cost_centre)]
        outlooks = await look_ahead.outlooks(history, view, budgets, terms)
        show_forecasts(found)
        show_budgets(outlooks)
        if out is not None:
            _write(out, {"forecasts": found, "budgets": outlooks})

    run(work)


@app.command()
def anomalies(
    period: Period = None,
    cost_centre: Centre = EVERYTHING,
    as_of: AsOf = None,
    minimum: Annotated[str, typer.Option(help="Differences of less money are left out.")] = "10",
    out: Out = None,
) -> None:
    """List the days, and hours of the last days, that stand out from a cost centre's pattern, and what moved them."""

    async def work(container: Container) -> None:
        calendar = (await container.catalogues.current()).calendar
        now = datetime.now(UTC)
        # A day is looked at when it is over both in the books and in UTC, whose hours are counted.
        today = min(calendar.date_of(now), book_namesake(utc_day(now)))
        view = viewpoint(today, period=month(period) if period else None, as_of=book_date_of(as_of) if as_of else None)
        first, end = dates_of(view.period)[0], dates_of(view.period)[-1]
        with progress("records", None) as advance:
            found = await look_ahead.anomalies(
                container.books,
                calendar,
                first,
                min(end, shifted(view.today, -1)),
                Sensitivity(minimum=_amount(minimum)),
                below=cost_centre,
                progress=counted(advance),
            )
        show_anomalies(view.period, found)
        if out is not None:
            _write(out, {"anomalies": found})

    run(work)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise typer.BadParameter(f"{text!r} is not an amount of money")
    return amount


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    typer.echo(f"→ {file}")
