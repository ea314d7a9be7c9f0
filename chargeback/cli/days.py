"""Days on the command line: giving streamed calls their tokens, posting days to the books, auditing the books."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer, as_answer, print_json
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import By, Json, days_option, period_argument, reason_option, time_of, utc_day_of
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import progress, run
from chargeback.domain.access.permissions import Permission
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month, month
from chargeback.services.running.bulkheads import do_each
from chargeback.services.usage.ingest import is_open

if TYPE_CHECKING:
    from chargeback.services.usage.audit import Audited
    from chargeback.services.usage.post import Posted

app = typer.Typer()

AcceptLoss = Annotated[
    bool,
    typer.Option(
        "--accept-loss",
        help="Parts of the ledger of the one --day are gone for good: its books stay as they are, on record.",
    ),
]


class PostedDay(Answer, frozen=True):
    """What posting did with a day; `replayed` events were counted again from the ledger."""

    day: str
    records: int
    replayed: int
    unpriced: int
    unsettled: int
    set_aside: int


class PostedDays(Answer, frozen=True):
    """The days of `post`."""

    days: tuple[PostedDay, ...]


class AuditedDay(Answer, frozen=True):
    """What the audit of a day found; `drift_cost` is what the ledger says minus what the books said."""

    day: str
    events: int
    calls: int
    duplicates: int
    conflicts: int
    unreadable: int
    drift_lines: int
    drift_cost: str
    currency: str
    set_aside: int
    unpriced: int
    unsettled: int


class AuditedDays(Answer, frozen=True):
    """The days of `audit`."""

    days: tuple[AuditedDay, ...]


class SettledStreams(Answer, frozen=True):
    """What `settle` did with the calls that waited for their tokens."""

    settled: int
    recovered: int
    estimated: int
    waiting: int
    set_aside: int


@app.command()
def post(
    day: Annotated[list[str] | None, days_option("Post only this UTC day", "all open days")] = None,
    as_json: Json = False,
) -> None:
    """Rate what is counted and write it to the books.

    Without an option: all open days.
    """

    async def work(container: Container) -> None:
        await acting(container, Permission.REPAIR)
        posted: list[PostedDay] = []

        def report(each: "Posted") -> None:
            posted.append(as_answer(each, PostedDay))
            if not as_json:
                typer.echo(_posted(posted[-1]))

        try:
            if day:
                in_force, now = await container.catalogues.in_force(), datetime.now(UTC)
                named = [_open_day(each) for each in day]
                await do_each("posting", named, lambda each: container.poster.post_day(each, in_force, now), report)
            else:
                await container.poster.post(datetime.now(UTC), report)
                await container.ledger_parts.look(datetime.now(UTC))
        finally:
            # Days that were posted are told even where another one failed.
            if as_json:
                print_json(PostedDays(tuple(posted)))
        if not posted and not as_json:
            typer.echo("nothing to post")
        finish(has_findings=any(each.unpriced or each.set_aside for each in posted))

    run(work)


def _posted(posted: PostedDay) -> str:
    return (
        f"{posted.day}: {posted.records} records set, {posted.replayed} events counted again from the ledger,"
        f" {posted.unpriced} unpriced, {posted.unsettled} unsettled"
    )


@app.command()
def settle(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Settle every day from this UTC day or time on, such as 2026-03-14T06:00. Default: the open days.",
        ),
    ] = None,
    day: Annotated[list[str] | None, days_option("Settle only this UTC day", "the open days")] = None,
    as_json: Json = False,
) -> None:
    """Give streamed calls their tokens.

    The tokens come from the gateway's log, and so do events that were lost.

    Without an option: the open days, and events that were lost in the last six hours.
    """
    if since is not None and day:
        raise typer.BadParameter("--since names the first of many days, --day single ones: give one of them")
    now = datetime.now(UTC)
    start = time_of(since, now) if since is not None else None
    days = [utc_day_of(each) for each in day or []]

    async def work(container: Container) -> None:
        await acting(container, Permission.REPAIR)
        done = as_answer(await container.settler.settle(now, since=start, days=days), SettledStreams)
        told = [
            f"settled {done.settled}, recovered {done.recovered}, estimated {done.estimated}, waiting {done.waiting},"
            f" set aside {done.set_aside}"
        ]
        if start is not None or days:
            told.append("days that are no longer open are marked: the next `audit` brings them into the books")
        answer(done, told, as_json=as_json)
        finish(has_findings=done.set_aside > 0)

    run(work)


@app.command()
def audit(
    period: Annotated[
        str | None, period_argument("Audit every UTC day that this month (YYYY-MM) touches. Default: see --day.")
    ] = None,
    day: Annotated[list[str] | None, days_option("Audit only this UTC day", "those that changed")] = None,
    accept_loss: AcceptLoss = False,
    reason: Annotated[str | None, reason_option("With --accept-loss: why they are gone.")] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Recount days from the ledger and fix the books.

    Without an argument or option: the days that changed since their last audit.

    Example: chargeback audit 2026-03
    """
    why = (reason or "").strip()
    _require_one_lossy_day(accept_loss, period, day or [], why, by)

    days = [utc_day_of(each) for each in day or []]

    async def work(container: Container) -> None:
        who = await acting(container, Permission.REPAIR, by)
        audited: list[AuditedDay] = []

        def report(each: "Audited") -> None:
            audited.append(as_answer(each, AuditedDay))
            if not as_json:
                typer.echo(_audited(audited[-1]))

        try:
            if accept_loss:
                report(await _accept_loss(container, days[0], why, who.by))
            else:
                await _audit(container, month(period) if period else None, days, report)
        finally:
            if as_json:
                print_json(AuditedDays(tuple(audited)))
        if not audited and not as_json:
            typer.echo("no day has to be audited")
        finish(has_findings=any(map(_needs_attention, audited)))

    run(work)


def _require_one_lossy_day(accept_loss: bool, period: str | None, days: list[str], reason: str, by: str | None) -> None:
    if accept_loss and (len(days) != 1 or period or not reason):
        raise typer.BadParameter("a loss is accepted for one day and for a reason: add --day and --reason TEXT")
    if not accept_loss and (reason or by):
        raise typer.BadParameter("--reason and --by belong to --accept-loss")


async def _audit(
    container: Container, period: Month | None, named: list[UtcDay], report: "Callable[[Audited], None]"
) -> None:
    in_period = (await container.catalogues.current()).calendar.utc_days(period) if period is not None else []
    days = [*named, *in_period] or await container.auditor.due(datetime.now(UTC))
    with progress("days", len(days)) as advance:

        async def one(day: UtcDay) -> "Audited":
            try:
                return await container.auditor.audit_day(day, datetime.now(UTC))
            finally:
                advance(1)

        await do_each("auditing", days, one, report)
    if not named and period is None:
        await container.auditor.keep_settled()


async def _accept_loss(container: Container, day: UtcDay, reason: str, by: str) -> "Audited":
    from chargeback.services.usage.accept_loss import Acceptance, accept_loss

    accept = Acceptance(reason, by, datetime.now(UTC))
    ledger, control, workers = container.ledger, container.control, os.cpu_count() or 1
    return await accept_loss(ledger, control, container.auditor, day, accept, workers=workers)


def _audited(audited: AuditedDay) -> str:
    return (
        f"{audited.day}: {audited.events} events, {audited.calls} calls, {audited.duplicates} duplicates,"
        f" {audited.unreadable} unreadable; {audited.drift_lines} lines differed"
        f" by {audited.drift_cost} {audited.currency}"
        + (" and were corrected" if audited.drift_lines else "")
        + f"; {audited.unpriced} unpriced, {audited.unsettled} unsettled"
    )


def _needs_attention(audited: AuditedDay) -> bool:
    return bool(audited.drift_lines or audited.unreadable or audited.conflicts or audited.unpriced or audited.set_aside)


def _open_day(text: str) -> UtcDay:
    day = utc_day_of(text)
    if not is_open(day, datetime.now(UTC)):
        raise typer.BadParameter(f"{day} is no longer open: `audit --day {day}` brings its ledger into the books")
    return day
