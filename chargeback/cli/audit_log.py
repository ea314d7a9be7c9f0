"""The audit log on the command line: whether it is whole, what people did, and one entry with all that it says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json, time_of
from chargeback.cli.terminal import run
from chargeback.domain.audit_log.entry import AuditEntry, EntryPhase, KeptEntry, entry_in
from chargeback.domain.errors import NotThere

app = typer.Typer(help="The audit log: who changed what, and who read the data of others.", no_args_is_help=True)

_LOOKS_BACK = timedelta(days=30)


class LogVerification(Answer, frozen=True):
    """What `audit-log verify` found.

    Attributes:
        entries: how many entries the log has.
        anchors: how many anchors it was compared with.
        anchored: the number of the last entry that an anchor protects, 0 for none.
        anchored_at: when that anchor was written.
        faults: what is wrong, the first ones.
    """

    entries: int
    anchors: int
    anchored: int
    anchored_at: datetime | None
    faults: tuple[str, ...]


class ListedEntry(Answer, frozen=True):
    """One act or read.

    Attributes:
        entry: the number of the entry that began the act, or that holds the read.
        act: what was done, such as `period.approve`, or read, such as `getCostSummary`.
        outcome: `done`, `failed`, `died`, `under way`, or `read`.
    """

    entry: int
    at: datetime
    actor: str
    name: str
    act: str
    target: str
    outcome: str


class ListedEntries(Answer, frozen=True):
    """What `audit-log list` lists, the latest first."""

    since: datetime
    entries: tuple[ListedEntry, ...]


class ShownEntries(Answer, frozen=True):
    """What `audit-log show` shows: the entry, and the others of its act, as they are kept."""

    entries: tuple[dict[str, Any], ...]


@app.command()
def verify(as_json: Json = False) -> None:
    """Look whether an entry was changed, removed or inserted.

    Reads the whole log and compares it with its anchors. Ends with 3 if something is wrong.
    """

    async def work(container: Container) -> None:
        from chargeback.services.audit_log.verify_log import verify_log

        found = await verify_log(container.audit_entries, container.anchors, datetime.now(UTC))
        document = LogVerification(found.entries, found.anchors, found.anchored, found.anchored_at, found.faults)
        answer(document, _verified(document), as_json=as_json)
        finish(has_findings=bool(found.faults))

    run(work)


@app.command("list")
def list_entries(
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="A day or a UTC time. Default: 30 days ago.", show_default=False),
    ] = None,
    actor: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only who has this in id or name. Default: all.", show_default=False),
    ] = None,
    act: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only acts that begin so. Default: all.", show_default=False),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only targets that have this. Default: all.", show_default=False),
    ] = None,
    reads: Annotated[bool, typer.Option("--reads", help="List reads of the data of others, too.")] = False,
    as_json: Json = False,
) -> None:
    """List what people and timers did, the latest first.

    Example: chargeback audit-log list --act period --since 2026-03-01
    """

    async def work(container: Container) -> None:
        from chargeback.services.audit_log.entries import entries_since

        now = datetime.now(UTC)
        start = time_of(since, now) if since else now - _LOOKS_BACK
        outcomes: dict[int, str] = {}
        found: list[ListedEntry] = []
        async for entry in entries_since(container.audit_entries, start, with_reads=reads):
            if entry.phase is EntryPhase.CONCLUDED and entry.began:
                outcomes.setdefault(entry.began, entry.outcome)
            elif entry.phase is EntryPhase.BEGUN or (reads and entry.phase is EntryPhase.READ):
                found += _listed(entry, outcomes)
        document = ListedEntries(start, tuple(each for each in found if _is_asked_for(each, actor, act, target)))
        answer(document, map(_line, document.entries), as_json=as_json)

    run(work)


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="As `audit-log list` has it.")],
    as_json: Json = False,
) -> None:
    """Show an entry with all that it says, and the other entries of its act.

    Example: chargeback audit-log show 17
    """

    async def work(container: Container) -> None:
        from chargeback.services.audit_log.entries import entries_since

        found = await container.audit_entries.get(number)
        if found is None:
            raise NotThere(f"the audit log has no entry {number}")
        asked = entry_in(msgspec.convert(dict(found), KeptEntry))
        began = asked.began or asked.number
        act = [
            each
            async for each in entries_since(container.audit_entries, asked.at - timedelta(days=1))
            if began in (each.began, each.number)
        ]
        document = ShownEntries(tuple(msgspec.to_builtins(each) for each in act[::-1]))
        lines = (json.dumps(each, indent=2, ensure_ascii=False) for each in document.entries)
        answer(document, lines, as_json=as_json)

    run(work)


def _listed(entry: AuditEntry, outcomes: dict[int, str]) -> Iterator[ListedEntry]:
    if entry.actor is not None:
        outcome, who = outcomes.get(entry.number, "under way"), entry.actor
        yield ListedEntry(entry.number, entry.at, who.id, who.name, entry.act, entry.target, outcome)
    for each in entry.reads[::-1]:
        yield ListedEntry(entry.number, each.at, each.actor.id, each.actor.name, each.act, each.target, "read")


def _is_asked_for(entry: ListedEntry, actor: str | None, act: str | None, target: str | None) -> bool:
    return (
        (actor is None or actor in entry.actor or actor in entry.name)
        and (act is None or entry.act.startswith(act))
        and (target is None or target in entry.target)
    )


def _line(entry: ListedEntry) -> str:
    who = f"{entry.name} ({entry.actor})" if entry.name else entry.actor
    return f"{entry.entry}  {entry.at:%Y-%m-%dT%H:%M:%SZ}  {entry.act}  {entry.target}  {entry.outcome}  by {who}"


def _verified(found: LogVerification) -> Iterator[str]:
    yield f"{found.entries} entries, compared with {found.anchors} anchors"
    if found.anchored_at is None:
        yield "no anchor yet: what somebody with all rights rewrites as a whole is not seen"
    else:
        yield f"anchored up to entry {found.anchored} at {found.anchored_at:%Y-%m-%dT%H:%MZ}"
    yield from found.faults or ("nothing was changed, removed or inserted",)
