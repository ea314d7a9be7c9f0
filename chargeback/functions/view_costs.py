"""Timer, soon after the posting: makes the figures of costs again for each month whose books changed."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed or fails is made up for by the next one, because it looks at every month."""
    bp = func.Blueprint()

    @bp.function_name("view_costs")
    @bp.timer_trigger(arg_name="timer", schedule="%COSTS_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def view_costs(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "view_costs", context):
            months = await container.view_keeper.refresh(datetime.now(UTC))
            log_line(log, "costs_viewed", months=len(months), past_due=timer.past_due)

    return bp
