"""Timer, daily after the audit: logs the outlook of each budget, yesterday's anomalies, and models that retire."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.budgets.monthly import monthly_budgets
from chargeback.domain.time.days import book_namesake, shifted, utc_day
from chargeback.log_line import log_line, one_run
from chargeback.services.forecasting.look_ahead import anomalies, outlooks
from chargeback.services.forecasting.spend_history import read_until, viewpoint

log = logging.getLogger(__name__)

MOST_ANOMALIES = 50
"""At most this many anomalies are logged, the largest ones: nobody reads a longer list of alerts."""


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because tomorrow's knows more."""
    bp = func.Blueprint()

    @bp.function_name("forecast_spend")
    @bp.timer_trigger(arg_name="timer", schedule="%FORECAST_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def forecast_spend(timer: func.TimerRequest, context: func.Context) -> None:
        with one_run(context.invocation_id):
            now = datetime.now(UTC)
            budgets = await _log_outlooks(container, now)
            found = await _log_anomalies(container, now)
            retiring = _log_retiring(container, now)
            log_line(log, "looked_ahead", budgets=budgets, anomalies=found, retiring=retiring, past_due=timer.past_due)

    return bp


async def _log_outlooks(container: Container, now: datetime) -> int:
    calendar = (await container.catalogues.current()).calendar
    terms = await container.catalogues.terms()
    view = viewpoint(calendar.date_of(now))
    budgets = monthly_budgets(terms.budgets, calendar.time_of(view.period))
    for outlook in await outlooks(await read_until(container.books, view), view, budgets, terms):
        forecast, total, run_out = outlook.forecast, outlook.forecast.total, outlook.run_out
        if run_out is None:
            total = None  # in another currency than the budget
        log_line(
            log,
            "forecast",
            month=forecast.period,
            cost_centre=forecast.cost_centre,
            currency=forecast.currency or outlook.currency,
            budget=outlook.amount,
            spent=forecast.spent,
            unknown=forecast.unknown,
            expected=total.expected if total else None,
            low=total.within_80.low if total else None,
            high=total.within_80.high if total else None,
            used_up=run_out.reached or run_out.expected if run_out else None,
            overrun=outlook.is_overrun,
        )
    return len(budgets)


async def _log_anomalies(container: Container, now: datetime) -> int:
    calendar = (await container.catalogues.current()).calendar
    yesterday = shifted(min(calendar.date_of(now), book_namesake(utc_day(now))), -1)
    found = await anomalies(container.books, calendar, yesterday, yesterday, most=MOST_ANOMALIES)
    for each in found:
        mover = next(iter(each.movers["model"]), None)
        log_line(
            log,
            "anomaly",
            date=each.slot.date,
            hour=each.slot.hour,
            cost_centre=each.slot.cost_centre,
            currency=each.currency,
            spent=each.spent,
            usual=each.usual,
            model=mover.name if mover else None,
            model_change=mover.amount if mover else None,
        )
    return len(found)


def _log_retiring(container: Container, now: datetime) -> int:
    found = container.retiring_models(now.date())
    for each in found:
        log_line(
            log,
            "model_retiring",
            level=logging.WARNING,
            account=each.account,
            deployment=each.deployment,
            model=str(each.model),
            retires=each.model.retires,
            replacement=str(each.replacement) if each.replacement else None,
        )
    return len(found)
