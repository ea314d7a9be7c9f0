"""Event Grid trigger: tells an alert as soon as it is due. What it does not get done, tell_alerts does."""

import logging
from datetime import UTC, datetime, timedelta

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.log_line import log_line, one_run

log = logging.getLogger(__name__)

SECONDS = timedelta(seconds=20)
"""Event Grid takes an event that is not acknowledged within 30 s for undelivered."""


def blueprint(container: Container) -> func.Blueprint:
    """The trigger; it raises when a store is away, so that Event Grid delivers the event again."""
    bp = func.Blueprint()

    @bp.function_name("deliver_alert")
    @bp.event_grid_trigger(arg_name="event")
    async def deliver_alert(event: func.CloudEvent, context: func.Context) -> None:
        with one_run(context.invocation_id):
            data = event.get_json()
            alert_id = data.get("id") if isinstance(data, dict) else None
            if not isinstance(alert_id, str):
                log_line(log, "alert_event_unusable", level=logging.WARNING, type=event.type)
                return
            sent = await container.alert_teller.tell_alert(alert_id, datetime.now(UTC) + SECONDS)
            log_line(log, "alert_delivered", about=alert_id, sent=sent)

    return bp
