"""Timer: takes lost events from the gateway's log, and gives streamed calls their tokens from it."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed or fails is made up for by the next one, because it takes all that waits."""
    bp = func.Blueprint()

    @bp.function_name("settle_streams")
    @bp.timer_trigger(arg_name="timer", schedule="%SETTLE_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def settle_streams(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "settle_streams", context):
            if container.settings.log_analytics_workspace_id is None:
                reason = "LOG_ANALYTICS_WORKSPACE_ID is not set, streamed calls stay unsettled"
                log_line(log, "settle_off", level=logging.WARNING, reason=reason)
                return
            done = await container.settler.settle(datetime.now(UTC))
            log_line(
                log,
                "settled",
                settled=done.settled,
                recovered=done.recovered,
                estimated=done.estimated,
                waiting=done.waiting,
                set_aside=done.set_aside,
                past_due=timer.past_due,
            )

    return bp
