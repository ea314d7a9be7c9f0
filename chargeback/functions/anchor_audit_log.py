"""Timer, daily: verifies the audit log, anchors it, concludes what dead processes left, and notes keys that changed."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line

log = logging.getLogger(__name__)

SCHEDULE = "0 45 5 * * *"
"""After the night's closing, and before the configuration is looked at."""


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed is not made up for, because tomorrow's does the same."""
    bp = func.Blueprint()

    @bp.function_name("anchor_audit_log")
    @bp.timer_trigger(arg_name="timer", schedule=SCHEDULE, run_on_startup=False, use_monitor=True)
    async def anchor_audit_log(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "anchor_audit_log", context):
            await _anchor(container, datetime.now(UTC), past_due=timer.past_due)

    return bp


async def _anchor(container: Container, now: datetime, *, past_due: bool) -> None:
    from chargeback.services.audit_log.conclude_left import conclude_left
    from chargeback.services.audit_log.verify_log import anchor_log, verify_log

    for left in await conclude_left(container.audit_log, container.control.stored_digest, now):
        log_line(log, "act_left", entry=left.number, act=left.act, target=left.target, level=logging.WARNING)
    for key in await container.key_versions.note(container.key_names):
        log_line(log, "key_changed", secret=key.name, version=key.version, created=key.created)
    verified = await verify_log(container.audit_entries, container.anchors, now)
    path = await anchor_log(verified, container.anchors)
    head = verified.last.hash if verified.last else ""
    log_line(log, "audit_log_anchored", entries=verified.entries, hash=head, anchor=path or "", past_due=past_due)
    if verified.faults:
        found = verified.faults[0]
        log_line(log, "audit_log_broken", faults=len(verified.faults), found=found, level=logging.ERROR)
