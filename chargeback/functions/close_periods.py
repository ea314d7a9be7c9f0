"""Timer, daily: closes the periods whose grace period is over, in order, and makes the journals of closed ones."""

import logging
from datetime import UTC, datetime

import azure.functions as func

from chargeback.bootstrap import Container
from chargeback.domain.errors import ClosingRefused, PostingRefused, SomeFailed
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.functions.timer_run import timer_run
from chargeback.log_line import log_line
from chargeback.services.journals.journal_documents import JournalRecord

log = logging.getLogger(__name__)


def blueprint(container: Container) -> func.Blueprint:
    """The timer; a run that is killed or refused is made up for by the next one."""
    bp = func.Blueprint()

    @bp.function_name("close_periods")
    @bp.timer_trigger(arg_name="timer", schedule="%CLOSE_SCHEDULE%", run_on_startup=False, use_monitor=True)
    async def close_periods(timer: func.TimerRequest, context: func.Context) -> None:
        async with timer_run(container, "close_periods", context):
            now = datetime.now(UTC)
            try:
                await _close(container, now, timer)
            finally:
                # They are of months that are closed already: whatever is wrong with another one keeps none back.
                await _make_journals(container, now)

    return bp


async def _close(container: Container, now: datetime, timer: func.TimerRequest) -> None:
    outcomes: list[BillingPeriod | ClosingRefused] = []

    def report(outcome: BillingPeriod | ClosingRefused) -> None:
        outcomes.append(outcome)
        _report(outcome, timer)

    try:
        await container.closer.close_due(now, report)
    except SomeFailed:  # some could not be filed; every one that is due was looked at all the same
        await container.books_watch.refused(outcomes, now)
        raise
    await container.books_watch.refused(outcomes, now)


async def _make_journals(container: Container, now: datetime) -> None:
    journals = await container.journals.make_due(now, _report_journal)
    await container.books_watch.unposted([each for each in journals if isinstance(each, PostingRefused)], now)


def _report(outcome: BillingPeriod | ClosingRefused, timer: func.TimerRequest) -> None:
    if isinstance(outcome, ClosingRefused):
        log_line(
            log,
            "closing_refused",
            about=outcome.period,
            level=logging.WARNING,
            period=outcome.period,
            past_due=timer.past_due,
            reasons=" | ".join(outcome.reasons),
        )
    else:
        log_line(
            log,
            "period_closed",
            about=outcome.month,
            period=outcome.month,
            manifest=outcome.manifest,
            past_due=timer.past_due,
        )


def _report_journal(outcome: JournalRecord | PostingRefused) -> None:
    if isinstance(outcome, PostingRefused):
        log_line(
            log,
            "posting_refused",
            about=outcome.period,
            level=logging.WARNING,
            period=outcome.period,
            reasons=" | ".join(outcome.reasons),
        )
