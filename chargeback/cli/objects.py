"""Stored objects on the command line: whose each one is, and the index of them from the ledger alone."""

from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json, days_option, utc_day_of
from chargeback.cli.signed_in import acting
from chargeback.cli.terminal import progress, run
from chargeback.domain.access.permissions import Permission
from chargeback.domain.time.days import UtcDay
from chargeback.services.running.bulkheads import do_each

app = typer.Typer(help="What calls left on the accounts: responses, files, jobs …", no_args_is_help=True)


class OwnedObject(Answer, frozen=True):
    """Who owns an object, and on which account it is; all but the id are empty where nobody knows."""

    id: str
    owner: str = ""
    product: str = ""
    backend: str = ""


class OwnedObjects(Answer, frozen=True):
    """The objects of `objects owner`, in the order asked for."""

    objects: tuple[OwnedObject, ...]


class RebuiltIndex(Answer, frozen=True):
    """What `objects rebuild` indexed."""

    objects: int
    days: int


@app.command()
def owner(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids such as resp_…, file-… or batch_….")],
    as_json: Json = False,
) -> None:
    """Say whose objects these are, and where.

    Example: chargeback objects owner file-abc123
    """

    async def work(container: Container) -> None:
        found = await container.object_index.find(ids)
        objects = tuple(
            OwnedObject(name, found[name].owner, found[name].product, found[name].backend)
            if name in found
            else OwnedObject(name)
            for name in ids
        )
        answer(OwnedObjects(objects), map(_told, objects), as_json=as_json)
        finish(has_findings=any(not each.owner for each in objects))

    run(work)


def _told(owned: OwnedObject) -> str:
    return f"{owned.id}: " + (
        f"{owned.owner}, product {owned.product}, at {owned.backend}" if owned.owner else "unknown"
    )


@app.command()
def rebuild(
    day: Annotated[list[str] | None, days_option("Index only the ledger of this UTC day", "all of it")] = None,
    as_json: Json = False,
) -> None:
    """Index the stored objects of the ledger again.

    Running it twice changes nothing.
    """

    async def work(container: Container) -> None:
        await acting(container, Permission.REPAIR)
        days = [utc_day_of(each) for each in day] if day else await container.ledger.days()
        with progress("days", len(days)) as advance:

            async def one(each: UtcDay) -> int:
                count = await container.object_index.rebuild(each)
                advance(1)
                return count

            counts: list[int] = await do_each("indexing objects of", days, one)
        done = RebuiltIndex(sum(counts), len(days))
        answer(done, [f"{done.objects} objects of {done.days} days"], as_json=as_json)

    run(work)
