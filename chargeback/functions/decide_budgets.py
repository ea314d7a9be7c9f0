"""Timer, each minute: tells the gateways what budgets decide, also where nothing changed."""

import logging

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.log_line import log_line, one_run

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because the next one is a minute later."""
    bp = func.Blueprint()

    @bp.function_name("decide_budgets")
    @bp.timer_trigger(arg_name="timer", schedule="%DECIDE_SCHEDULE%", run_on_startup=False, use_monitor=False)
    async def decide_budgets(timer: func.TimerRequest, context: func.Context) -> None:
        pusher = container.decision_pusher
        if pusher is None:
            return
        with one_run(context.invocation_id):
            pushed = await pusher.push()
            for region, reason in pushed.failed.items():
                log_line(log, "decisions_not_sent", level=logging.WARNING, region=region, reason=reason)
            log_line(
                log,
                "decisions_sent",
                products=len(pushed.decided.texts),
                sent=pushed.sent,
                failed=len(pushed.failed),
                left_out=pushed.decided.left_out,
                unknown=pushed.decided.unknown,
                past_due=timer.past_due,
            )

    return bp
