"""Timer, nightly: recounts every touched day from the ledger and corrects the books where they differ."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line

if TYPE_CHECKING:
    from chargeback.services.usage.audit import Audited

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer."""
    bp = func.Blueprint()

    @bp.function_name("audit_ledger")
    @bp.timer_trigger(arg_name="timer", schedule="%AUDIT_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def audit_ledger(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "audit_ledger", context):
            await container.auditor.audit(datetime.now(UTC), lambda audited: _report(audited, timer))

    return bp


def _report(audited: "Audited", timer: func.TimerRequest) -> None:
    log_line(
        log,
        "audited",
        level=logging.WARNING
        if audited.drift_lines or audited.unreadable or audited.set_aside or audited.conflicts
        else logging.INFO,
        day=audited.day,
        events=audited.events,
        calls=audited.calls,
        unreadable=audited.unreadable,
        conflicts=audited.conflicts,
        drift_lines=audited.drift_lines,
        drift_cost=audited.drift_cost,
        set_aside=audited.set_aside,
        unpriced=audited.unpriced,
        unsettled=audited.unsettled,
        past_due=timer.past_due,
    )
