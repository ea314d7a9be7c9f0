"""Timer, daily: the books beside the provider's invoice, for the month and for the one before while it is fresh."""

import logging
from datetime import UTC, datetime, timedelta

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.errors import InvoiceMissing

log = logging.getLogger(__name__)

FRESH = timedelta(days=8)
"""How long after its end a month is still compared: Azure exports it again for five days, and may bill late usage."""


def blueprint(container: Container) -> func.Blueprint:
    """The timer."""
    bp = func.Blueprint()

    @bp.function_name("reconcile_invoice")
    @bp.timer_trigger(arg_name="timer", schedule="%RECONCILE_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def reconcile_invoice(timer: func.TimerRequest) -> None:  # noqa: ARG001 the host passes it by name
        now, calendar = datetime.now(UTC), (await container.catalogues.current()).calendar
        for period in sorted({calendar.period_of(now - FRESH), calendar.period_of(now)}):
            try:
                await container.reconcile(period)
            except InvoiceMissing as error:
                # No export is set up, or the month's first one is still to come.
                log.info("reconciliation_waits period=%s reason=%s", period, error)

    return bp
