"""Usage from events to books: ingest, settle, post, audit, replay."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.terminal import open_input, progress, run, time_of, utc_day_of
from chargeback.domain.errors import SomeFailed
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import month
from chargeback.services.running.bulkheads import do_each
from chargeback.services.usage.ingest import is_open

if TYPE_CHECKING:
    from chargeback.services.usage.audit import Audited
    from chargeback.services.usage.post import Posted

EVENTS_PER_BATCH = 2_000

app = typer.Typer()


@app.command()
def ingest(
    file: Annotated[str, typer.Argument(help="NDJSON file of CloudEvents, one a line; - reads standard input.")],
) -> None:
    """Take usage events: into the ledger, counted once each; unusable ones go to quarantine with their reason."""

    async def work(container: Container) -> None:
        accepted = duplicate = quarantined = late = 0
        reasons: dict[str, int] = {}
        with open_input(file) as source, progress("events", None) as advance:
            async for batch in _batches(source):
                outcome = await container.ingest.ingest(batch, datetime.now(UTC))
                accepted, duplicate = accepted + outcome.accepted, duplicate + outcome.duplicate
                quarantined, late = quarantined + len(outcome.quarantined), late + outcome.late
                for each in outcome.quarantined:
                    reasons[f"{each.reason}: {each.detail}"] = reasons.get(f"{each.reason}: {each.detail}", 0) + 1
                advance(len(batch))
        typer.echo(f"accepted {accepted}, duplicate {duplicate}, quarantined {quarantined}")
        if late:
            typer.echo(f"{late} of the accepted are of days that are no longer open: run `audit` to post them")
        for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1])[:20]:
            typer.echo(f"  {count} x {reason}")

    run(work)


async def _batches(source: IO[bytes]) -> AsyncIterator[list[bytes]]:
    batch: list[bytes] = []
    while line := await asyncio.to_thread(source.readlines, 1 << 20):
        batch += [text for text in (each.strip() for each in line) if text]
        while len(batch) >= EVENTS_PER_BATCH:
            yield batch[:EVENTS_PER_BATCH]
            batch = batch[EVENTS_PER_BATCH:]
    if batch:
        yield batch


@app.command()
def post(
    day: Annotated[list[str] | None, typer.Option(help="Post this day (YYYY-MM-DD) only; may be repeated.")] = None,
) -> None:
    """Rate what is counted and set it in the books: all open days, or those named."""

    async def work(container: Container) -> None:
        if day:
            in_force, now = await container.catalogues.in_force(), datetime.now(UTC)
            named = [_open_day(each) for each in day]
            posted = await do_each(
                "posting", named, lambda each: container.poster.post_day(each, in_force, now), _say_posted
            )
        else:
            posted = await container.poster.post(datetime.now(UTC), _say_posted)
            await container.ledger_parts.look(datetime.now(UTC))
        if not posted:
            typer.echo("nothing to post")

    run(work)


def _say_posted(posted: "Posted") -> None:
    typer.echo(
        f"{posted.day}: {posted.records} records set, {posted.replayed} events counted anew from the ledger,"
        f" {posted.unpriced} unpriced, {posted.unsettled} unsettled"
    )


def _say_audited(audited: "Audited") -> None:
    typer.echo(
        f"{audited.day}: {audited.events} events, {audited.calls} calls, {audited.duplicates} duplicates,"
        f" {audited.unreadable} unreadable; {audited.drift_lines} lines differed"
        f" by {audited.drift_cost} {audited.currency}"
        + (" and were mended" if audited.drift_lines else "")
        + f"; {audited.unpriced} unpriced, {audited.unsettled} unsettled"
    )


@app.command()
def settle(
    since: Annotated[
        str | None,
        typer.Option(help="Settle every day from this UTC day or time on, such as 2026-03-14T06:00."),
    ] = None,
    day: Annotated[
        list[str] | None, typer.Option(help="Settle this UTC day (YYYY-MM-DD) only; may be repeated.")
    ] = None,
) -> None:
    """Take lost events from the gateway's log, and give streamed calls their tokens from it.

    Without an option: the open days, and events that were lost in the last six hours.
    """
    if since is not None and day:
        raise typer.BadParameter("--since names the first of many days, --day single ones: give one of them")
    now = datetime.now(UTC)
    start = time_of(since, now) if since is not None else None
    days = [utc_day_of(each) for each in day or []]

    async def work(container: Container) -> None:
        done = await container.settler.settle(now, since=start, days=days)
        typer.echo(
            f"settled {done.settled}, recovered {done.recovered}, estimated {done.estimated}, waiting {done.waiting},"
            f" set aside {done.set_aside}"
        )
        if start is not None or days:
            typer.echo("days that are no longer open are marked: the next `audit` brings them into the books")

    run(work)


@app.command()
def audit(
    day: Annotated[list[str] | None, typer.Option(help="Audit this day (YYYY-MM-DD) only; may be repeated.")] = None,
    period: Annotated[str | None, typer.Option(help="Audit every UTC day that this period (YYYY-MM) touches.")] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--accept-loss",
            metavar="REASON",
            help="Parts of the ledger of the one --day are gone for good: its books stand as they are, on record.",
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="With --accept-loss: who accepts it.")] = "",
) -> None:
    """Recount days from the ledger alone and mend the books where they differ: the touched days, or those named."""
    if loss is not None:
        if len(day or []) != 1 or period or not loss.strip() or not by.strip():
            raise typer.BadParameter("a loss is accepted of one --day, for a reason, by somebody: add --by NAME")
        run(partial(_accept_loss, utc_day_of((day or [])[0]), loss.strip(), by.strip()))
        return

    async def work(container: Container) -> None:
        named = [utc_day_of(each) for each in day or []] + (
            await _days(container, period) if period is not None else []
        )
        days = named or await container.auditor.due(datetime.now(UTC))
        with progress("days", len(days)) as advance:

            async def one(day: UtcDay) -> None:
                try:
                    audited = await container.auditor.audit_day(day, datetime.now(UTC))
                finally:
                    advance(1)
                _say_audited(audited)

            await do_each("auditing", days, one)
        if not days:
            typer.echo("no day has to be audited")

    run(work)


async def _accept_loss(day: UtcDay, reason: str, by: str, container: Container) -> None:
    from chargeback.services.usage.accept_loss import Acceptance, accept_loss

    accept = Acceptance(reason, by, datetime.now(UTC))
    ledger, control, workers = container.ledger, container.control, os.cpu_count() or 1
    _say_audited(await accept_loss(ledger, control, container.auditor, day, accept, workers=workers))


@app.command()
def replay(
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="What Event Grid gave up on, instead.")] = False,
    trust_unsigned: Annotated[
        bool,
        typer.Option(
            "--trust-unsigned",
            help="Take events of a gateway also from batches that were kept before senders were: look at them first.",
        ),
    ] = False,
) -> None:
    """Take quarantined events through the door again, after a fix; what is still unusable stays in quarantine."""

    async def work(container: Container) -> None:
        from chargeback.services.usage.replay import replay_dead_letters, replay_quarantine

        now = datetime.now(UTC)
        if dead_letters:
            replayed = await replay_dead_letters(container.dead_letters, container.ingest, now)
        else:
            emitters = [each.emitter for each in container.emitters]
            replayed = await replay_quarantine(
                container.quarantine, container.ingest, now, emitters, trust_unsigned=trust_unsigned
            )
        typer.echo(
            f"accepted {replayed.accepted}, duplicate {replayed.duplicate}, in quarantine {replayed.quarantined}"
        )
        if replayed.failed:
            raise SomeFailed("replaying", replayed.failed)

    run(work)


@app.command()
def conflicts(
    day: Annotated[str, typer.Option(help="The UTC day (YYYY-MM-DD).")],
) -> None:
    """List events that say something else of their call than an earlier one did; the earlier one counts."""

    async def work(container: Container) -> None:
        from chargeback.services.usage.list_conflicts import list_conflicts

        found = await list_conflicts(container.ledger, utc_day_of(day), workers=os.cpu_count() or 1)
        for each in found:
            written = datetime.fromtimestamp(each.written / 1e6, UTC).isoformat() if each.written else "before the head"
            typer.echo(f"{each.call}  {written}  {each.type}  {each.time}  {each.source}  {each.id}")
        if not found:
            typer.echo("no event contradicts an earlier one")

    run(work)


@app.command("count-tokens")
def count_tokens(
    model: Annotated[str, typer.Option(help="The model whose tokens to count, such as gpt-4o.")],
    file: Annotated[str, typer.Argument(help="Text file; - reads standard input.")],
) -> None:
    """Count the tokens of a text as the model would; works offline."""
    from chargeback.services.usage.count_tokens import count_tokens as count

    with open_input(file) as source:
        text = source.read().decode("utf-8", errors="replace")
    counted = count(model, text)
    guess = " (the model is not known; this is its likeliest encoding)" if counted.guessed else ""
    typer.echo(f"{counted.tokens} tokens of {counted.encoding}{guess}")


async def _days(container: Container, said: str) -> list[UtcDay]:
    """The UTC days that a month of the books touches."""
    period = month(said)  # what is no month is said before any store is asked
    return (await container.catalogues.current()).calendar.utc_days(period)


def _open_day(text: str) -> UtcDay:
    day = utc_day_of(text)
    if not is_open(day, datetime.now(UTC)):
        raise typer.BadParameter(f"{day} is no longer open: `audit --day {day}` brings its ledger into the books")
    return day
