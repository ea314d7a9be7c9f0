"""Timer, daily: publishes the drafts of every period that is not closed yet."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.reports.manifest import Manifest
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer."""
    bp = func.Blueprint()

    @bp.function_name("publish_reports")
    @bp.timer_trigger(arg_name="timer", schedule="%PUBLISH_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def publish_reports(timer: func.TimerRequest, context: func.Context) -> None:
        def report(published: tuple[str, Manifest]) -> None:
            period, manifest = published
            rows = manifest.files[0].rows
            log_line(log, "published", about=period, period=period, rows=rows, past_due=timer.past_due)

        async with timer_run(container, "publish_reports", context):
            await container.drafts.publish_open(datetime.now(UTC), report)

    return bp
