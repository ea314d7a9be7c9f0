"""Stored objects: whose each one is, and the index of them from the ledger alone."""

from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.terminal import progress, run, utc_day_of
from chargeback.domain.time.days import UtcDay
from chargeback.services.running.bulkheads import do_each

app = typer.Typer(help="What calls left on the accounts: responses, files, jobs …", no_args_is_help=True)


@app.command()
def owner(
    ids: Annotated[list[str], typer.Argument(help="Ids of objects, such as resp_…, file-… or batch_….")],
) -> None:
    """Say whose objects these are, and on which account they lie."""

    async def work(container: Container) -> None:
        found = await container.object_index.find(ids)
        for name in ids:
            each = found.get(name)
            typer.echo(f"{name}: {f'{each.owner}, product {each.product}, at {each.backend}' if each else 'unknown'}")

    run(work)


@app.command()
def rebuild(
    day: Annotated[list[str] | None, typer.Option(help="Only this day's ledger (YYYY-MM-DD); may be repeated.")] = None,
) -> None:
    """Index what the ledger says of stored objects: all of it, or the days named. Running it again changes nothing."""

    async def work(container: Container) -> None:
        days = [utc_day_of(each) for each in day] if day else await container.ledger.days()
        with progress("days", len(days)) as advance:

            async def one(each: UtcDay) -> int:
                count = await container.object_index.rebuild(each)
                advance(1)
                return count

            counts: list[int] = await do_each("indexing objects of", days, one)
        typer.echo(f"{sum(counts)} objects of {len(days)} days")

    run(work)
