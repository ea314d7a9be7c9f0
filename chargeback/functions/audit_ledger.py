"""Timer, nightly: every touched day is recounted from the ledger and the books are mended where they differ."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer."""
    bp = func.Blueprint()

    @bp.function_name("audit_ledger")
    @bp.timer_trigger(arg_name="timer", schedule="%AUDIT_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def audit_ledger(timer: func.TimerRequest) -> None:
        for audited in await container.auditor.audit(datetime.now(UTC)):
            log.log(
                logging.WARNING if audited.drift_lines or audited.unreadable else logging.INFO,
                "audited day=%s events=%d calls=%d unreadable=%d conflicts=%d drift_lines=%d drift_cost=%s past_due=%s",
                audited.day,
                audited.events,
                audited.calls,
                audited.unreadable,
                audited.conflicts,
                audited.drift_lines,
                audited.drift_cost,
                timer.past_due,
            )

    return bp
