"""Timer, each minute: tells the gateways what budgets decide, and people which steps are reached."""

import logging
from contextlib import AsyncExitStack

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line
from chargeback.services.budgets.push_decisions import DecisionPusher

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because the next one is a minute later."""
    bp = func.Blueprint()

    @bp.function_name("decide_budgets")
    @bp.timer_trigger(arg_name="timer", schedule="%DECIDE_SCHEDULE%", run_on_startup=False, use_monitor=False)
    async def decide_budgets(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "decide_budgets", context), AsyncExitStack() as afterwards:
            # People are told also where no gateway is, and whatever is wrong with those.
            afterwards.push_async_callback(container.budget_watch.watch)
            if container.decision_pusher is not None:
                await _push(container.decision_pusher, timer)

    return bp


async def _push(pusher: DecisionPusher, timer: func.TimerRequest) -> None:
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
