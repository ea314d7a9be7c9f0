"""Timer, daily after the audit: where the month takes each budget, and what stood out yesterday."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.money import to_text
from chargeback.services.forecasting.look_ahead import anomalies, outlooks
from chargeback.services.forecasting.spend_history import read_until, shifted, viewpoint

log = logging.getLogger(__name__)

_FORECAST = (
    "forecast month=%s cost_centre=%s currency=%s budget=%s spent=%s expected=%s low=%s high=%s used_up=%s overrun=%s"
)

MOST_ANOMALIES = 50
"""Of more than these, only the largest are logged: nobody reads a longer list of alerts."""


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because tomorrow's knows more."""
    bp = func.Blueprint()

    @bp.function_name("forecast_spend")
    @bp.timer_trigger(arg_name="timer", schedule="%FORECAST_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def forecast_spend(timer: func.TimerRequest) -> None:
        now = datetime.now(UTC)
        budgets = await _log_outlooks(container, now)
        found = await _log_anomalies(container, now)
        log.info("looked_ahead budgets=%d anomalies=%d past_due=%s", budgets, found, timer.past_due)

    return bp


async def _log_outlooks(container: Container, now: datetime) -> int:
    calendar = (await container.catalogues.current()).calendar
    terms = await container.catalogues.terms()
    view = viewpoint(calendar.date_of(now))
    for outlook in await outlooks(await read_until(container.books, view), view, terms.budgets, terms):
        forecast, total, run_out = outlook.forecast, outlook.forecast.total, outlook.run_out
        if run_out is None:
            total = None  # in another currency than the budget
        log.info(
            _FORECAST,
            forecast.period,
            forecast.cost_centre,
            forecast.currency or outlook.currency,
            to_text(outlook.amount),
            to_text(forecast.spent),
            to_text(total.expected) if total else "-",
            to_text(total.within_80.low) if total else "-",
            to_text(total.within_80.high) if total else "-",
            (run_out.reached or run_out.expected if run_out else None) or "-",
            str(outlook.is_overrun).lower(),
        )
    return len(terms.budgets)


async def _log_anomalies(container: Container, now: datetime) -> int:
    calendar = (await container.catalogues.current()).calendar
    yesterday = shifted(min(calendar.date_of(now), now.date().isoformat()), -1)
    found = await anomalies(container.books, calendar, yesterday, yesterday, most=MOST_ANOMALIES)
    for each in found:
        mover = next(iter(each.movers["model"]), None)
        log.info(
            "anomaly date=%s hour=%s cost_centre=%s currency=%s spent=%s usual=%s model=%s model_change=%s",
            each.slot.date,
            "-" if each.slot.hour is None else each.slot.hour,
            each.slot.cost_centre,
            each.currency,
            to_text(each.spent),
            to_text(each.usual),
            mover.name if mover else "-",
            to_text(mover.amount) if mover else "-",
        )
    return len(found)
