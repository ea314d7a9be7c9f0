"""Timer, daily: compares open months, and a freshly closed one, with the provider's invoice."""

import logging
from datetime import UTC, datetime, timedelta

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.errors import InvoiceMissing
from chargeback.domain.time.months import Month
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line
from chargeback.services.running.bulkheads import do_each

log = logging.getLogger(__name__)

FRESH = timedelta(days=8)
"""How long after its end a closed month is still compared: Azure exports it again for five days."""


def blueprint(container: Container) -> func.Blueprint:
    """The timer."""
    bp = func.Blueprint()

    @bp.function_name("reconcile_invoice")
    @bp.timer_trigger(arg_name="timer", schedule="%RECONCILE_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def reconcile_invoice(timer: func.TimerRequest, context: func.Context) -> None:  # noqa: ARG001 by name
        async with timer_run(container, "reconcile_invoice", context):
            now, calendar = datetime.now(UTC), (await container.catalogues.current()).calendar
            waiting = await container.periods.open_periods(now, calendar)
            periods = sorted({*waiting, calendar.period_of(now - FRESH), calendar.period_of(now)})
            await do_each("reconciling", periods, lambda period: _reconcile(container, period))

    return bp


async def _reconcile(container: Container, period: Month) -> None:
    try:
        await container.reconciler.reconcile(period)
    except InvoiceMissing as error:
        # No export is set up, or the month's first one is still to come.
        log_line(log, "reconciliation_waits", about=period, period=period, reason=error)
