"""Timer: what Redis counts goes into the books."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.money import to_text
from chargeback.services.forecasting.month_spend import month_spend

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is missed or fails is made up for by the next one, because it posts all that changed."""
    bp = func.Blueprint()

    @bp.function_name("post_usage")
    @bp.timer_trigger(arg_name="timer", schedule="%POST_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def post_usage(timer: func.TimerRequest) -> None:
        now = datetime.now(UTC)
        for posted in await container.poster.post(now):
            log.info(
                "posted day=%s records=%d replayed=%d unpriced=%d unsettled=%d past_due=%s",
                posted.day,
                posted.records,
                posted.replayed,
                posted.unpriced,
                posted.unsettled,
                timer.past_due,
            )
        calendar = (await container.catalogues.current()).calendar
        for spend in await month_spend(container.books, calendar, await container.catalogues.terms(), now):
            log.info(
                "spend month=%s cost_centre=%s currency=%s cost=%s",
                spend.month,
                spend.cost_centre,
                spend.currency,
                to_text(spend.cost),
            )

    return bp
