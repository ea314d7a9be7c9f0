"""Timer, daily: the reports of the month, and of the month before while late events are still common."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.periods import due_periods

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer."""
    bp = func.Blueprint()

    @bp.function_name("publish_reports")
    @bp.timer_trigger(arg_name="timer", schedule="%PUBLISH_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def publish_reports(timer: func.TimerRequest) -> None:
        for period in due_periods(datetime.now(UTC)):
            manifest = await container.publish(period)
            log.info("published period=%s rows=%d past_due=%s", period, manifest.files[0].rows, timer.past_due)

    return bp
