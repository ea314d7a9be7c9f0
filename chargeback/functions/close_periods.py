"""Timer, daily: closes the periods whose grace period is over, in order."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.errors import ClosingRefused
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.log_line import log_line, one_run

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is killed or refused is made up for by the next one."""
    bp = func.Blueprint()

    @bp.function_name("close_periods")
    @bp.timer_trigger(arg_name="timer", schedule="%CLOSE_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def close_periods(timer: func.TimerRequest, context: func.Context) -> None:
        with one_run(context.invocation_id):
            await container.closer.close_due(datetime.now(UTC), lambda outcome: _report(outcome, timer))

    return bp


def _report(outcome: BillingPeriod | ClosingRefused, timer: func.TimerRequest) -> None:
    if isinstance(outcome, ClosingRefused):
        log_line(
            log,
            "closing_refused",
            about=outcome.period,
            level=logging.WARNING,
            period=outcome.period,
            past_due=timer.past_due,
            reasons=" | ".join(outcome.reasons),
        )
    else:
        log_line(
            log,
            "period_closed",
            about=outcome.month,
            period=outcome.month,
            manifest=outcome.manifest,
            past_due=timer.past_due,
        )
