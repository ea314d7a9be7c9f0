"""What budgets would have done in a past month, on the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import answer
from chargeback.cli.budget_documents import replayed_budgets
from chargeback.cli.budget_tables import replayed_lines, show_replay
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json, Period
from chargeback.cli.terminal import counted, progress, run
from chargeback.domain.budgets.budget import Budget
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.months import Month, month

app = typer.Typer()


@app.command()
def replay(
    period: Period,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Budgets to try, written as config/company/budgets.yaml. Default: those in force in that month.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this budget. Default: all.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what budgets would have done in a month.

    Counts the ledger again, and changes nothing. Budgets in shadow are replayed as if they acted. Each begins with the
    window in which the month begins, and carries nothing into it.

    Example: chargeback budgets replay 2026-10 --file budgets.yaml
    """

    async def work(container: Container) -> None:
        wanted = await _wanted(container, month(period), file, budget)
        replayer = await container.budget_replayer()
        overrides = () if file else await container.budget_overrides.all()
        days = await replayer.days(wanted, month(period))
        with progress("days", len(days)) as advance:
            found = await replayer.replay(wanted, month(period), overrides, counted(advance))
        document = replayed_budgets(found)
        if not as_json:
            show_replay(document)
        answer(document, replayed_lines(document), as_json=as_json)
        finish(has_findings=bool(found.lost))

    run(work)


async def _wanted(container: Container, period: Month, file: Path | None, name: str | None) -> Sequence[Budget]:
    """The budgets to replay. Raises `InvalidConfig` where there are none of that id, or the file has faults."""
    catalogue = await container.catalogues.current()
    if file:
        found = container.proposed_budgets(file, catalogue)
    else:
        time = catalogue.calendar.time_of(period)
        found = [each for each in (await container.catalogues.terms()).budgets if each.effective.overlaps(time)]
    if name is None:
        return found
    wanted = [each for each in found if each.id == name]
    if not wanted:
        known = ", ".join(each.id for each in found) or "none"
        raise InvalidConfig([f"there is no budget {name!r} in {file or period}; there are: {known}"])
    return wanted
