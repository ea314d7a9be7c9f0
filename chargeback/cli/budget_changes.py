"""Budgets beside the files, on the command line: made, changed and deleted by people, each change on the record."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.options import By, Json, reason_option
from chargeback.cli.signed_in import acting, require_limit
from chargeback.cli.terminal import run
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.budgets.budget import Budget
from chargeback.domain.errors import InvalidConfig, NotThere
from chargeback.domain.money.numerals import grouped
from chargeback.services.budgets.change_budgets import BudgetChanger
from chargeback.services.budgets.made_budgets import BudgetChange, BudgetRecord

app = typer.Typer()

BudgetId = Annotated[str, typer.Argument(metavar="BUDGET", help="Its id.", show_default=False)]
Reason = Annotated[str, reason_option("Why; goes on the record.")]
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="A file with one budget as budgets.yaml has it, in YAML or JSON.", show_default=False
    ),
]


class ChangedBudget(Answer, frozen=True):
    """A budget as somebody made, changed or deleted it; `budget` is its entry, null where it was deleted."""

    at: datetime
    by: str
    reason: str
    budget: dict[str, Any] | None


class BudgetHistory(Answer, frozen=True):
    """What `budgets create`, `change`, `delete` and `history` print: everything that a budget ever was."""

    id: str
    changes: tuple[ChangedBudget, ...]


class BudgetHistories(Answer, frozen=True):
    """What `budgets history` prints without a budget."""

    budgets: tuple[BudgetHistory, ...]


@app.command()
def create(file: File, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Make a budget beside budgets.yaml; it is in force at once.

    Example: chargeback budgets create search.yaml --reason "the launch"
    """

    async def work(container: Container) -> None:
        who = await acting(container, Permission.CHANGE_BUDGETS, by)
        record = await container.change_budgets.create(_entry(file), _asking(who, reason), datetime.now(UTC))
        _say(record, as_json=as_json)

    run(work)


@app.command()
def change(
    budget: BudgetId,
    reason: Reason,
    by: By = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="What it is from now on, as budgets.yaml would have it. Default: what it is.",
            show_default=False,
        ),
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option(
            "--amount", metavar="AMOUNT", help="Its amount from now on. Default: what it is.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a budget that was made beside budgets.yaml.

    The new one counts for the past of its window as well.
    """
    if (file is None) == (amount is None):
        raise typer.BadParameter("say what changes: --amount AMOUNT or --file FILE")

    async def work(container: Container) -> None:
        who = await acting(container, Permission.CHANGE_BUDGETS, by)
        known = await container.change_budgets.made.get(budget)
        entry = _entry(file) if file is not None else {**_said(known), "amount": amount}
        tag = known.tag if known else None
        now = datetime.now(UTC)
        record = await container.change_budgets.change(budget, entry, _asking(who, reason), now, tag=tag)
        _say(record, as_json=as_json)

    run(work)


@app.command()
def delete(budget: BudgetId, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Delete a budget that was made beside budgets.yaml.

    What it was stays on the record, and its id is not used again.
    """

    async def work(container: Container) -> None:
        who = await acting(container, Permission.CHANGE_BUDGETS, by)
        record = await container.change_budgets.delete(budget, _asking(who, reason), datetime.now(UTC))
        _say(record, as_json=as_json)

    run(work)


@app.command()
def history(
    budget: Annotated[
        str | None, typer.Argument(metavar="BUDGET", help="Its id. Default: all budgets.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """List the changes of budgets that were made beside budgets.yaml.

    The history of the files is in their repository.
    """

    async def work(container: Container) -> None:
        records = await container.change_budgets.made.records()
        found = tuple(_history(each) for each in records if budget in (None, each.id))
        if budget is not None and not found:
            raise NotThere(f"no budget {budget!r} was ever made beside budgets.yaml")
        lines = [_line(record, each) for record in records if budget in (None, record.id) for each in record.changes]
        answer(BudgetHistories(found), lines or ["no budget was made beside budgets.yaml"], as_json=as_json)

    run(work)


def _asking(who: Requester, reason: str) -> BudgetChanger:
    return BudgetChanger(who.by, reason, lambda budget: require_limit(who, budget.scope))


def _entry(file: Path) -> dict[str, Any]:
    from chargeback.adapters.config.yaml_files import read

    found = read(file)
    entries = found.get("budgets") if set(found) == {"budgets"} else [found]
    if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
        raise InvalidConfig([f"{file.name}: expected one budget"])
    return entries[0]


def _said(known: BudgetRecord | None) -> dict[str, Any]:
    from chargeback.adapters.config.budget_entries import budget_entry

    return budget_entry(known.budget) if known and known.budget else {}


def _history(record: BudgetRecord) -> BudgetHistory:
    from chargeback.adapters.config.budget_entries import budget_entry

    changes = (
        ChangedBudget(each.at, each.by, each.reason, budget_entry(each.budget) if each.budget else None)
        for each in record.changes
    )
    return BudgetHistory(record.id, tuple(changes))


def _say(record: BudgetRecord, *, as_json: bool) -> None:
    answer(_history(record), [_line(record, record.changes[-1])], as_json=as_json)


def _line(record: BudgetRecord, change: BudgetChange) -> str:
    said = _amount(change.budget) if change.budget else "deleted"
    return f"{record.id}: {said} from {change.at:%Y-%m-%dT%H:%MZ}, by {change.by}: {change.reason}"


def _amount(budget: Budget) -> str:
    shadow = ", in shadow" if budget.shadow else ""
    return f"{grouped(budget.amount)} {budget.currency} every {budget.every} for {budget.scope}{shadow}"
