"""What could not be handled, on the command line: shown, and tried again after a repair."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer, as_answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import run
from chargeback.domain.access.permissions import Permission

app = typer.Typer()


class ListedPart(Answer, frozen=True):
    """What one stage left out of a day, or `publish` out of a period; `parts` names the first with their reasons."""

    stage: str
    day: str
    count: int
    parts: dict[str, str]


class ListedParts(Answer, frozen=True):
    """What `set-aside` lists; `quarantined_since` is empty where no batch of events is in quarantine."""

    set_aside: tuple[ListedPart, ...]
    quarantined_batches: int
    quarantined_since: str


@app.command("set-aside")
def set_aside(
    retry: Annotated[bool, typer.Option("--retry", help="Try all of it again first.")] = False,
    as_json: Json = False,
) -> None:
    """List what could not be handled, and why.

    It is listed by stage and day, and keeps its month from closing.
    """

    async def work(container: Container) -> None:
        if retry:
            await acting(container, Permission.REPAIR)
            await container.retry.all(datetime.now(UTC))
        left = tuple(as_answer(each, ListedPart) for each in await container.set_aside.all())
        batches = await container.quarantine.batches()
        found = ListedParts(left, len(batches), batches[0][:10] if batches else "")
        answer(found, _told(found), as_json=as_json)
        finish(has_findings=bool(left or batches))

    run(work)


def _told(found: ListedParts) -> Iterator[str]:
    for left in found.set_aside:
        yield f"{left.stage} {left.day}: {left.count} parts"
        yield from (f"  {name}: {reason}" for name, reason in left.parts.items())
        if left.count > len(left.parts):
            yield f"  and {left.count - len(left.parts)} more"
    if found.quarantined_batches:
        since = found.quarantined_since
        yield f"quarantine: {found.quarantined_batches} batches of events since {since}; see `replay`"
    elif not found.set_aside:
        yield "nothing is set aside"
