"""Budgets on the command line: temporary changes of their limits, on the record, and older files of them."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import By, Json, amount_of, moment_of, reason_option
from chargeback.cli.signed_in import acting, require_limit
from chargeback.cli.terminal import run
from chargeback.domain.access.permissions import Permission
from chargeback.domain.money.exact import to_text
from chargeback.domain.money.numerals import grouped
from chargeback.services.budgets.overrides import MadeOverride, OverrideRequest

app = typer.Typer(help="Budgets: what may be spent, and how much of it is left.", no_args_is_help=True)


class ShownOverride(Answer, frozen=True):
    """An override; `until` is when it was to end, and `ends` when it does: a later one ends it earlier."""

    budget: str
    amount: str
    currency: str
    start: datetime
    until: datetime
    ends: datetime
    by: str
    reason: str


class ListedOverrides(Answer, frozen=True):
    """What `budgets overrides` lists: by budget, in the order in which they were made."""

    overrides: tuple[ShownOverride, ...]


class ImportedEntries(Answer, frozen=True):
    """What `budgets import` read: entries of budgets.yaml, and the place and reason of what it left out."""

    budgets: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]


@app.command()
def override(
    budget: Annotated[str, typer.Argument(metavar="BUDGET", help="Its id in budgets.yaml.", show_default=False)],
    amount: Annotated[
        str,
        typer.Option(
            "--amount",
            metavar="AMOUNT",
            help="Added to the limit, in the budget's currency; below 0 lowers it, 0 ends the override in force.",
            show_default=False,
        ),
    ],
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="TIME",
            help="When it ends: a day, which is its beginning in the books, or a time.",
            show_default=False,
        ),
    ],
    reason: Annotated[str, reason_option("Why; goes on the record.")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Change the limit of a budget for some time, from now on.

    It ends the override that is in force.
    """

    async def work(container: Container) -> None:
        who = await acting(container, Permission.CHANGE_BUDGETS, by)
        for each in (await container.catalogues.terms()).budgets:
            if each.id == budget:
                require_limit(who, each.scope)
        calendar = (await container.catalogues.current()).calendar
        asked = OverrideRequest(budget, amount_of(amount), moment_of(until, calendar), who.by, reason)
        made = await container.budget_overrides.make(asked, datetime.now(UTC))
        found = _shown(budget, made, made.until, await _currencies(container))
        answer(found, [_line(found)], as_json=as_json)

    run(work)


@app.command()
def overrides(as_json: Json = False) -> None:
    """List every override that was ever made, by budget."""

    async def work(container: Container) -> None:
        currencies = await _currencies(container)
        histories = await container.budget_overrides.histories()
        found = tuple(_shown(each.budget, *entry, currencies) for each in histories for entry in each.with_ends())
        lines = [_line(each) for each in found] or ["no limit was ever overridden"]
        answer(ListedOverrides(found), lines, as_json=as_json)

    run(work)


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A file with `budget_rules`, the older format.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Read an older file of budgets.

    Prints its budgets as entries of budgets.yaml, in shadow, and names what it could not bring over.
    """
    from chargeback.adapters.config.budget_rules import import_rules
    from chargeback.adapters.config.yaml_files import read

    found = import_rules(read(file))
    imported = ImportedEntries(found.entries, found.left_out)
    answer(imported, [*(f"# {each}" for each in found.left_out), found.as_yaml().rstrip()], as_json=as_json)
    finish(has_findings=bool(found.left_out))


async def _currencies(container: Container) -> dict[str, str]:
    """By budget; a budget that is not in force any more has none."""
    return {each.id: each.currency for each in (await container.catalogues.terms()).budgets}


def _shown(budget: str, made: MadeOverride, ends: datetime, currencies: dict[str, str]) -> ShownOverride:
    return ShownOverride(
        budget, to_text(made.amount), currencies.get(budget, ""), made.start, made.until, ends, made.by, made.reason
    )


def _line(shown: ShownOverride) -> str:
    amount = f"{grouped(Decimal(shown.amount), plus=True)} {shown.currency}".rstrip()
    until = f"until {shown.ends:%Y-%m-%dT%H:%MZ}"
    if shown.ends != shown.until:
        until += f" (it was to be {shown.until:%Y-%m-%dT%H:%MZ})"
    return f"{shown.budget}: {amount} from {shown.start:%Y-%m-%dT%H:%MZ} {until}, by {shown.by}: {shown.reason}"
