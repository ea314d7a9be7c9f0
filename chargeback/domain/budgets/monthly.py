"""Which budgets of cost centres a billing month is compared with, in its files and in forecasts."""

from collections.abc import Iterable
from decimal import Decimal

from chargeback.domain.budgets.budget import Budget, Measure, ScopeKind
from chargeback.domain.budgets.windows import Every
from chargeback.domain.time.effective import Effective


def monthly_budgets(
    budgets: Iterable[Budget], month: Effective, *, with_everything: bool = False
) -> tuple[Budget, ...]:
    """The monthly budgets of cost centres that hold in a month, in their order, without those in shadow.

    One for each cost centre: the one that holds last in the month. `with_everything`: that of all usage, too, which is
    the budget of the whole tree.
    """
    kinds = {ScopeKind.COST_CENTRE, ScopeKind.ALL} if with_everything else {ScopeKind.COST_CENTRE}
    found: dict[str, Budget] = {}
    for budget in budgets:
        if budget.scope.kind in kinds and _counts_monthly(budget) and budget.effective.overlaps(month):
            known = found.get(budget.scope.value)
            if known is None or known.effective.first <= budget.effective.first:
                found[budget.scope.value] = budget
    return tuple(found.values())


def percentages(budget: Budget) -> list[Decimal]:
    """At which parts of the amount that is spent a budget has a step, ascending."""
    return sorted({step.percent for step in budget.steps if step.of is Measure.ACTUAL})


def _counts_monthly(budget: Budget) -> bool:
    return budget.every is Every.MONTH and not budget.shadow
