"""How budgets look in a terminal: as a table, explained in sentences, and replayed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from chargeback.cli.budget_documents import (
    BudgetExplanation,
    ReachedStep,
    ReplayedBudgets,
    ReplayedDates,
    ShownBudget,
    ShownBudgets,
)
from chargeback.cli.tables import new_table, print_table
from chargeback.domain.budgets.budget import Measure
from chargeback.domain.money.exact import ZERO, to_text
from chargeback.domain.money.numerals import bare_amount, grouped, said_amount
from chargeback.services.budgets.wording import HAPPENED_TO_CALLS, HAPPENS_NOW


def show_status(found: ShownBudgets) -> None:
    """A row for each budget."""
    table = new_table(
        f"budgets as of {_time(found.as_of)}; they count billed usage",
        ["budget", "of", ">limit", ">spent", ">left", ">forecast", "now", "until", "ask"],
    )
    for each in found.budgets:
        spent, estimated, left = (_bare(amount, each) for amount in (each.spent, each.estimated, each.remaining))
        forecast = "-" if each.forecast is None else f"{_bare(each.forecast, each)}\n{_band(each)}"
        table.add_row(
            each.id, each.scope, _limit(each), f"{spent}\n{estimated} estimated" if each.estimated else spent, left,
            forecast, what_happens(each), _time(each.until), each.owner or "-",
        )  # fmt: skip
    print_table(table)


def said_apart(found: ShownBudgets) -> Iterator[str]:
    """What budgets do not count, and the budgets that nobody can say anything about."""
    for each in found.budgets:
        if each.shared_costs or each.corrections:
            shared, corrections = (
                said_amount(amount or ZERO, each.apart_currency) for amount in (each.shared_costs, each.corrections)
            )
            yield f"{each.id}: not counted are {shared} of shared costs and {corrections} of corrections this month"
    for name, why in found.unknown.items():
        yield f"{name}: nobody can say how it stands: {why}"


def what_happens(budget: ShownBudget) -> str:
    """What the reached step does, in a few words."""
    if budget.step is None:
        return "nothing"
    said = f"{HAPPENS_NOW[budget.step.action]} ({_at(budget.step.percent, budget.step.of)})"
    return f"in shadow, else: {said}" if budget.shadow else said


def explained_lines(found: BudgetExplanation) -> Iterator[str]:
    """How the figure of a budget comes about."""
    budget = found.budget
    yield f"{budget.id} limits {budget.scope} in each {budget.every}; as of {_time(found.as_of)}."
    yield f"The window began at {_time(budget.begins)} and ends at {_time(budget.until)}."
    yield f"Limit: {_sum_of_limit(budget)}."
    known, estimated = _bare(budget.known, budget), _bare(budget.estimated, budget)
    yield f"Spent: {known} known + {estimated} estimated = {_of(budget.spent, budget)}."
    yield f"Left: {_of(budget.remaining, budget)}."
    yield f"Now: {what_happens(budget)}."
    if budget.forecast is not None:
        yield f"Expected at the end of the window: {_of(budget.forecast, budget)}, in 8 of 10 cases {_band(budget)}."
    if budget.shared_costs is not None and budget.corrections is not None:
        shared = bare_amount(budget.shared_costs, budget.apart_currency)
        corrections = said_amount(budget.corrections, budget.apart_currency)
        yield f"Not counted: shared costs of {shared} and corrections of {corrections}."
    yield from _why(found)


def _why(found: BudgetExplanation) -> Iterator[str]:
    budget = found.budget
    yield "Steps:"
    for each in found.steps:
        reached = "reached" if each.is_reached else "not reached"
        yield f"  {_at(each.percent, each.of)} = {_of(each.amount, budget)}: {each.action}, {reached}"
    yield "Spend by date of the books (posted + counted since + estimated):"
    for day in found.dates:
        yield f"  {day.date}: {' + '.join(_bare(each, budget) for each in (day.posted, day.counted, day.estimated))}"
    if found.windows:
        yield "Earlier windows, which decide what is carried:"
    for window in found.windows:
        spent, carried, added = (_bare(each, budget) for each in (window.spent, window.carried, window.added))
        yield (
            f"  {window.first} to {window.last}: spent {spent}, carried into it {carried}, added by overrides {added}"
        )
    if found.overrides:
        yield "Overrides in force:"
    for held in found.overrides:
        amount = _of(held.amount, budget)
        yield f"  {amount} from {_time(held.start)} until {_time(held.until)}, by {held.by}: {held.reason}"
    if found.keys:
        yield "Entries under which gateways find it when it acts on calls:"
    for product, keys in found.keys.items():
        yield f"  product {product}: {', '.join(keys)}"


def show_replay(found: ReplayedBudgets) -> None:
    """A row for each window in which a step would have been reached."""
    table = new_table(
        f"{found.period}: what these budgets would have done; usage is taken as it was",
        ["budget", "dates", ">limit", ">spent", ">overrun", "steps, with what came after each"],
    )
    for budget in found.budgets:
        for window in budget.windows:
            if window.steps:
                table.add_row(
                    f"{budget.id} (shadow)" if budget.shadow else budget.id,
                    f"{window.first} to {window.last}",
                    said_amount(window.limit, budget.currency),
                    _spent(window, budget.currency),
                    bare_amount(window.overrun, budget.currency),
                    "\n".join(_reached(step, budget.currency) for step in window.steps),
                )
    print_table(table)


def replayed_lines(found: ReplayedBudgets) -> Iterator[str]:
    """The budgets that would have done nothing, and what is missing."""
    for budget in found.budgets:
        if not any(window.steps for window in budget.windows):
            most = max((window.spent for window in budget.windows), default=Decimal(0))
            said = said_amount(most, budget.currency)
            yield f"{budget.id}: no step would have been reached; at most {said} was spent"
    if unknown := sum(window.unknown for budget in found.budgets for window in budget.windows):
        yield f"≥: the cost of calls is not known ({unknown} in all budgets); they count as nothing"
    if found.lost:
        yield f"{found.lost} events of these days cannot be read any more; they are in no figure"


def _spent(window: ReplayedDates, currency: str) -> str:
    return f"{'≥ ' if window.unknown else ''}{bare_amount(window.spent, currency)}"


def _reached(step: ReachedStep, currency: str) -> str:
    calls = f"{grouped(step.calls)} calls" if step.calls != 1 else "1 call"
    when = f"{_at(step.percent, step.of)} in the hour from {_time(step.at)}"
    return f"{when}: {calls}, {bare_amount(step.cost, currency)} {HAPPENED_TO_CALLS[step.action]}"


def _sum_of_limit(budget: ShownBudget) -> str:
    parts = {"amount": budget.amount, "carried": budget.carried, "overrides": budget.overrides}
    said = " + ".join(f"{name} {_bare(amount, budget)}" for name, amount in parts.items())
    return f"{said} = {_of(budget.limit, budget)}"


def _limit(budget: ShownBudget) -> str:
    """The limit, and what of it is carried or added."""
    apart = [f"{_bare(budget.carried, budget)} carried"] if budget.carried else []
    apart += [f"{_bare(budget.overrides, budget)} by overrides"] if budget.overrides else []
    return "\n".join([_of(budget.limit, budget), *apart])


def _band(budget: ShownBudget) -> str:
    """What the window ends between in eight of ten cases."""
    assert budget.forecast_low is not None
    assert budget.forecast_high is not None
    return f"{_bare(budget.forecast_low, budget)} to {_bare(budget.forecast_high, budget)}"


def _of(amount: Decimal, budget: ShownBudget) -> str:
    return said_amount(amount, budget.currency)


def _bare(amount: Decimal, budget: ShownBudget) -> str:
    return bare_amount(amount, budget.currency)


def _at(percent: Decimal, of: Measure) -> str:
    return f"{to_text(percent)} %" + (" of the forecast" if of is Measure.FORECAST else "")


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"
