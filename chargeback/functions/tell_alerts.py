"""Timer, each minute: tells what is due and was not told at once, and says what people still wait for."""

import logging
from datetime import UTC, datetime, timedelta

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.errors import SomeFailed
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line

log = logging.getLogger(__name__)

SECONDS = timedelta(seconds=50)
"""The next run begins a minute later."""


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because the next one is a minute later."""
    bp = func.Blueprint()

    @bp.function_name("tell_alerts")
    @bp.timer_trigger(arg_name="timer", schedule="%TELL_SCHEDULE%", run_on_startup=False, use_monitor=False)
    async def tell_alerts(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "tell_alerts", context):
            teller = container.alert_teller
            failed: SomeFailed | None = None
            sent = 0
            try:
                sent = await teller.tell_all(datetime.now(UTC) + SECONDS)
            except SomeFailed as error:
                failed = error
            untold = await teller.untold()
            now = datetime.now(UTC)
            for each in untold:
                minutes = int((now - each.since).total_seconds() // 60)
                log_line(log, "alerts_waiting", channel=each.channel, alerts=each.alerts, oldest_minutes=minutes)
            waiting = sum(each.alerts for each in untold)
            log_line(log, "alerts_told", sent=sent, waiting=waiting, past_due=timer.past_due)
            if failed is not None:
                raise failed

    return bp
