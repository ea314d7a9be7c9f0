"""Timer: posts what Redis counts to the books, and has people told what is wrong in them."""

import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line
from chargeback.services.forecasting.month_spend import month_spend

if TYPE_CHECKING:
    from chargeback.services.usage.post import Posted

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed or fails is made up for by the next one, because it posts all that changed."""
    bp = func.Blueprint()

    @bp.function_name("post_usage")
    @bp.timer_trigger(arg_name="timer", schedule="%POST_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def post_usage(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "post_usage", context):
            now = datetime.now(UTC)
            # A day that cannot be posted keeps no budget from its spend, and no ledger from being looked at.
            async with AsyncExitStack() as afterwards:
                afterwards.push_async_callback(container.object_index.catch_up)  # the first of them comes last
                afterwards.push_async_callback(container.books_watch.watch, now)
                afterwards.push_async_callback(_report_spend, container, now)
                afterwards.push_async_callback(container.ledger_parts.look, now)
                await container.poster.post(now, lambda posted: _report(posted, timer))

    return bp


def _report(posted: "Posted", timer: func.TimerRequest) -> None:
    log_line(
        log,
        "posted",
        day=posted.day,
        records=posted.records,
        replayed=posted.replayed,
        unpriced=posted.unpriced,
        unsettled=posted.unsettled,
        set_aside=posted.set_aside,
        past_due=timer.past_due,
    )


async def _report_spend(container: Container, now: datetime) -> None:
    calendar = (await container.catalogues.current()).calendar
    for spend in await month_spend(container.books, calendar, await container.catalogues.terms(), now):
        log_line(
            log, "spend", month=spend.month, cost_centre=spend.cost_centre, currency=spend.currency, cost=spend.cost
        )
