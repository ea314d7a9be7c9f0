"""Usage events on the command line: taking them in, taking them in again, and those that contradict each other."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import IO, Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer, as_answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json, day_option, utc_day_of
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import open_input, progress, run, say_once
from chargeback.domain.access.permissions import Permission
from chargeback.domain.errors import SomeFailed
from chargeback.services.usage import ingest as service

EVENTS_PER_BATCH = 2_000

MOST_REASONS = 20
"""How many reasons for quarantine are shown; the others are with their events."""

app = typer.Typer()


class QuarantineReason(Answer, frozen=True):
    """Why events went to quarantine, and how many of them."""

    reason: str
    detail: str
    count: int


class IngestedEvents(Answer, frozen=True):
    """What became of the events of `ingest`; `late` are those accepted for days that are no longer open."""

    accepted: int
    duplicate: int
    quarantined: int
    late: int
    reasons: tuple[QuarantineReason, ...]


class ReplayedEvents(Answer, frozen=True):
    """What became of the events of `replay`; `failed` names each batch that could not be replayed, and why."""

    accepted: int
    duplicate: int
    quarantined: int
    failed: dict[str, str]


class DifferingEvent(Answer, frozen=True):
    """One of the events that differ about a call; `written` is when the ledger got it, empty where that is unknown."""

    call: str
    written: str
    type: str
    time: str
    source: str
    id: str


class DifferingEvents(Answer, frozen=True):
    """The events of `conflicts`."""

    day: str
    events: tuple[DifferingEvent, ...]


@app.command()
def ingest(
    file: Annotated[str, typer.Argument(help="NDJSON file of CloudEvents, one a line; - reads standard input.")],
    as_json: Json = False,
) -> None:
    """Take usage events into the ledger.

    Each call is counted once; unusable events go to quarantine with their reason.

    Example: chargeback ingest events.ndjson
    """
    say_once(service.log)

    async def work(container: Container) -> None:
        taken: Counter[str] = Counter()
        reasons: Counter[tuple[str, str]] = Counter()
        await acting(container, Permission.REPAIR)
        with open_input(file) as source, progress("events", None) as advance:
            async for batch in _batches(source):
                outcome = await container.ingest.ingest(batch, datetime.now(UTC))
                taken.update(accepted=outcome.accepted, duplicate=outcome.duplicate, late=outcome.late)
                reasons.update((each.reason, each.detail) for each in outcome.quarantined)
                advance(len(batch))
        found = IngestedEvents(
            taken["accepted"],
            taken["duplicate"],
            reasons.total(),
            taken["late"],
            tuple(QuarantineReason(*said, count) for said, count in reasons.most_common(MOST_REASONS)),
        )
        answer(found, _told(found), as_json=as_json)
        finish(has_findings=found.quarantined > 0)

    run(work)


def _told(taken: IngestedEvents) -> Iterator[str]:
    yield f"accepted {taken.accepted}, duplicate {taken.duplicate}, quarantined {taken.quarantined}"
    if taken.late:
        yield f"{taken.late} of the accepted are of days that are no longer open: run `audit` to post them"
    for each in taken.reasons:
        yield f"  {each.count} x {each.reason}: {each.detail}"


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
def replay(
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Replay dead letters instead of quarantine.")
    ] = False,
    trust_unsigned: Annotated[
        bool,
        typer.Option(
            "--trust-unsigned",
            help="Take a gateway's events also from old batches that do not record their sender: look at them first.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Take quarantined events in again after a fix.

    Events that are still unusable stay in quarantine.
    """

    async def work(container: Container) -> None:
        from chargeback.services.usage.replay import replay_dead_letters, replay_quarantine

        await acting(container, Permission.REPAIR)
        now = datetime.now(UTC)
        if dead_letters:
            done = await replay_dead_letters(container.dead_letters, container.ingest, now)
        else:
            emitters = [each.emitter for each in container.emitters]
            done = await replay_quarantine(
                container.quarantine, container.ingest, now, emitters, trust_unsigned=trust_unsigned
            )
        told = f"accepted {done.accepted}, duplicate {done.duplicate}, in quarantine {done.quarantined}"
        answer(as_answer(done, ReplayedEvents), [told], as_json=as_json)
        if done.failed:
            raise SomeFailed("replaying", done.failed)
        finish(has_findings=done.quarantined > 0)

    run(work)


@app.command()
def conflicts(
    day: Annotated[str, day_option("--day", "The UTC day to look at.")],
    as_json: Json = False,
) -> None:
    """List events that contradict each other.

    They say something else about a call than an earlier event did; the earlier one counts.
    """

    async def work(container: Container) -> None:
        from chargeback.services.usage.list_conflicts import list_conflicts

        events = tuple(
            DifferingEvent(each.call, _time(each.written), each.type, each.time, each.source, each.id)
            for each in await list_conflicts(container.ledger, utc_day_of(day), workers=os.cpu_count() or 1)
        )
        told = [
            f"{each.call}  {each.written or 'before the head'}  {each.type}  {each.time}  {each.source}  {each.id}"
            for each in events
        ]
        answer(DifferingEvents(day, events), told or ["no event contradicts an earlier one"], as_json=as_json)
        finish(has_findings=bool(events))

    run(work)


def _time(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat() if microseconds else ""
