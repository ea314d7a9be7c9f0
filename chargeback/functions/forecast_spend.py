"""Timer, daily after the audit: tells of budgets that will be overrun, of unusual spend and of models that retire."""

import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.alerts.watching import Look
from chargeback.domain.time.days import book_namesake, shifted, utc_day
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line
from chargeback.services.alerts.outlook_sightings import anomaly_sightings, retiring_sightings
from chargeback.services.forecasting.look_ahead import anomalies

log = logging.getLogger(__name__)

MOST_ANOMALIES = 50
"""At most this many anomalies are told, the largest ones: nobody reads more alerts."""


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because tomorrow's knows more."""
    bp = func.Blueprint()

    @bp.function_name("forecast_spend")
    @bp.timer_trigger(arg_name="timer", schedule="%FORECAST_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def forecast_spend(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "forecast_spend", context):
            now = datetime.now(UTC)
            async with AsyncExitStack() as afterwards:  # whatever is wrong with one of the three
                afterwards.push_async_callback(container.budget_watch.look_ahead)
                afterwards.push_async_callback(_tell_retiring, container, now)
                found = await _tell_anomalies(container, now)
                log_line(log, "looked_ahead", anomalies=found, past_due=timer.past_due)

    return bp


async def _tell_anomalies(container: Container, now: datetime) -> int:
    calendar = (await container.catalogues.current()).calendar
    yesterday = shifted(min(calendar.date_of(now), book_namesake(utc_day(now))), -1)
    found = await anomalies(container.settled_days, calendar, yesterday, yesterday, most=MOST_ANOMALIES)
    sightings = tuple(anomaly_sightings(found, container.alert_settings.link))
    await container.alerts.see(Look(AlertKind.ANOMALY, now, sightings))
    return len(found)


async def _tell_retiring(container: Container, now: datetime) -> None:
    settings, today = container.alert_settings, now.date()
    found = container.retiring_models(today, timedelta(days=settings.tolerances.retiring_days))
    sightings = tuple(retiring_sightings(found, settings.tolerances, today, settings.link))
    await container.alerts.see(Look(AlertKind.MODEL_RETIRING, now, sightings))
