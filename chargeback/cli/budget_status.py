"""How budgets stand, on the command line: all of them in a table, and one of them explained."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import answer
from chargeback.cli.budget_documents import ShownBudgets, explanation_of, shown_budget
from chargeback.cli.budget_tables import explained_lines, said_apart, show_status
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json
from chargeback.cli.terminal import run
from chargeback.domain.budgets.budget import Budget
from chargeback.domain.budgets.decisions import keys_of
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import month_of
from chargeback.services.budgets.costs_apart import PublishedSummary, read_summary

app = typer.Typer()


@app.command()
def status(
    budget: Annotated[
        str | None, typer.Argument(metavar="BUDGET", help="Its id. Default: all budgets.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how budgets stand.

    Ends with 3 if more is spent of a budget than its limit, or if nobody can say how it stands.
    """

    async def work(container: Container) -> None:
        if budget:
            await _budget(container, budget)
        found = await container.budget_states.evaluate(datetime.now(UTC))
        summary = await _summary(container, found.clock.now)
        shown = tuple(
            shown_budget(state, found.clock, summary.apart(state.budget.scope), found.forecasts.get(state.budget.id))
            for state in found.states
            if budget in (None, state.budget.id)
        )
        unknown = {name: reason for name, reason in found.unknown.items() if budget in (None, name)}
        document = ShownBudgets(found.clock.now, shown, unknown)
        if not as_json:
            show_status(document)
        answer(document, said_apart(document), as_json=as_json)
        finish(has_findings=bool(unknown) or any(each.remaining < 0 for each in shown))

    run(work)


@app.command()
def explain(
    budget: Annotated[str, typer.Argument(metavar="BUDGET", help="Its id.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Say how the figure of a budget comes about.

    Example: chargeback budgets explain product/search
    """

    async def work(container: Container) -> None:
        found = await container.budget_explainer.explain(await _budget(container, budget), datetime.now(UTC))
        summary = await _summary(container, found.clock.now)
        allocation = (await container.catalogues.current()).allocation
        rules = [rule for rule in allocation.rules if rule.effective.holds(found.clock.now)]
        by_product = {each.id: keys_of(found.state.budget.scope, each, rules) for each in container.products}
        keys = {product: names for product, names in by_product.items() if names}
        document = explanation_of(found, summary.apart(found.state.budget.scope), keys)
        answer(document, explained_lines(document), as_json=as_json)
        finish(has_findings=document.budget.remaining < 0)

    run(work)


async def _budget(container: Container, name: str) -> Budget:
    """The budget in force with an id. Raises `InvalidConfig` where there is none."""
    budgets = [each for each in (await container.catalogues.terms()).budgets if each.effective.holds(datetime.now(UTC))]
    for each in budgets:
        if each.id == name:
            return each
    known = ", ".join(each.id for each in budgets) or "none"
    raise InvalidConfig([f"there is no budget {name!r} in force; there are: {known}"])


async def _summary(container: Container, now: datetime) -> PublishedSummary:
    calendar = (await container.catalogues.current()).calendar
    return await read_summary(container.published, month_of(BookDate(calendar.date_of(now))))
