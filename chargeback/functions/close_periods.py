"""Timer, daily: periods whose grace period is over are closed, in order."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.errors import ClosingRefused

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is killed or refused is made up for by the next one."""
    bp = func.Blueprint()

    @bp.function_name("close_periods")
    @bp.timer_trigger(arg_name="timer", schedule="%CLOSE_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def close_periods(timer: func.TimerRequest) -> None:
        for outcome in await container.closer.close_due(datetime.now(UTC)):
            if isinstance(outcome, ClosingRefused):
                reasons = " | ".join(outcome.reasons)
                log.warning("closing_refused period=%s past_due=%s reasons=%s", outcome.period, timer.past_due, reasons)
            else:
                log.info(
                    "period_closed period=%s manifest=%s past_due=%s", outcome.period, outcome.manifest, timer.past_due
                )

    return bp
