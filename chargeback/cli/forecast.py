"""The month's outlook on the command line: where it is going, and what stands out in it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, print_json
from chargeback.cli.exit_codes import finish
from chargeback.cli.forecast_tables import show_anomalies, show_budgets, show_forecasts
from chargeback.cli.options import Json, amount_of, book_date_of, day_option, period_argument
from chargeback.cli.terminal import counted, progress, run
from chargeback.domain.budgets.monthly import monthly_budgets
from chargeback.domain.cost_centres.tree import WHOLE_TREE, is_within
from chargeback.domain.outlook.anomalies import Anomaly, Sensitivity
from chargeback.domain.outlook.forecast import BudgetOutlook, Forecast
from chargeback.domain.time.days import BookDate, book_namesake, shifted, utc_day
from chargeback.domain.time.months import dates_of, month
from chargeback.services.forecasting import look_ahead
from chargeback.services.forecasting.spend_history import Viewpoint, read_until, viewpoint

app = typer.Typer()

PeriodOrCurrent = Annotated[str | None, period_argument("The month, YYYY-MM. Default: the month under way.")]
Centre = Annotated[
    str,
    typer.Option(
        "--cost-centre",
        metavar="PATH",
        help="Only this cost centre and those below it. Default: all of them.",
        show_default=False,
    ),
]
AsOf = Annotated[
    str | None, day_option("--as-of", "Forecast as of the start of this date of the books. Default: today.")
]


class Outlook(Answer, frozen=True):
    """The forecasts of `forecast`, and where each budget is going."""

    forecasts: tuple[Forecast, ...]
    budgets: tuple[BudgetOutlook, ...]


class Anomalies(Answer, frozen=True):
    """The days and hours of `anomalies`."""

    anomalies: tuple[Anomaly, ...]


@app.command()
def forecast(
    period: PeriodOrCurrent = None, cost_centre: Centre = WHOLE_TREE, as_of: AsOf = None, as_json: Json = False
) -> None:
    """Project each cost centre's month end.

    Shows intervals, and the day on which each budget is used up.
    """

    async def work(container: Container) -> None:
        calendar = (await container.catalogues.current()).calendar
        view = _view(calendar.date_of(datetime.now(UTC)), period, as_of)
        history = await read_until(container.books, view)
        centres = look_ahead.centres_of(history, cost_centre)
        terms = await container.catalogues.terms()
        into = history.into(calendar.currency(view.period), terms, view.period)
        with progress("cost centres", len(centres)) as advance:
            found = await look_ahead.forecasts(history, view, centres, into, counted(advance))
        budgets = [
            each
            for each in monthly_budgets(terms.budgets, calendar.time_of(view.period), with_everything=True)
            if is_within(each.scope.value, cost_centre)
        ]
        outlooks = await look_ahead.outlooks(history, view, budgets, terms)
        if as_json:
            print_json(Outlook(tuple(found), tuple(outlooks)))
        else:
            show_forecasts(found)
            show_budgets(outlooks)
        finish(has_findings=any(each.is_overrun for each in outlooks))

    run(work)


@app.command()
def anomalies(
    period: PeriodOrCurrent = None,
    cost_centre: Centre = WHOLE_TREE,
    as_of: AsOf = None,
    minimum: Annotated[str, typer.Option(metavar="AMOUNT", help="Differences of less money are left out.")] = "10",
    as_json: Json = False,
) -> None:
    """List days and hours that stand out.

    They differ from the pattern of their cost centre; the list says what moved them. Hours are those of the last days.
    """
    sensitivity = Sensitivity(minimum=_amount(minimum))

    async def work(container: Container) -> None:
        calendar = (await container.catalogues.current()).calendar
        now = datetime.now(UTC)
        # A day is looked at when it is over both in the books and in UTC, whose hours are counted.
        view = _view(min(calendar.date_of(now), book_namesake(utc_day(now))), period, as_of)
        first, end = dates_of(view.period)[0], dates_of(view.period)[-1]
        with progress("records", None) as advance:
            found = await look_ahead.anomalies(
                container.settled_days,
                calendar,
                first,
                min(end, shifted(view.today, -1)),
                sensitivity,
                below=cost_centre,
                progress=counted(advance),
            )
        if as_json:
            print_json(Anomalies(tuple(found)))
        else:
            show_anomalies(view.period, found)
        finish(has_findings=bool(found))

    run(work)


def _view(today: BookDate, period: str | None, as_of: str | None) -> Viewpoint:
    return viewpoint(today, period=month(period) if period else None, as_of=book_date_of(as_of) if as_of else None)


def _amount(text: str) -> Decimal:
    amount = amount_of(text)
    if amount < 0:
        raise typer.BadParameter(f"{text!r} is below zero")
    return amount
