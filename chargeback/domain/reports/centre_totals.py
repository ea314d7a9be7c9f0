"""Makes the totals of every cost centre from what was summed of the rows: one way for all files that show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.cost_centres.tree import UNALLOCATED, with_below
from chargeback.domain.money.exact import ZERO
from chargeback.domain.reports.figures import CentreTotals
from chargeback.domain.reports.statement import covered, in_cents


@dataclass(frozen=True, slots=True)
class CentreSums:
    """What the rows of a period add up to, by path of the cost centre.

    Attributes:
        rows: how many there are.
        costs: printed costs in the books' currency.
        previous: likewise of the period before.
        unknown: rows whose cost is not known yet.
    """

    rows: Mapping[str, int]
    costs: Mapping[str, Decimal]
    previous: Mapping[str, Decimal]
    unknown: Mapping[str, Decimal]


def totals_of_centres(
    sums: CentreSums, names: Mapping[str, str], budgets: Iterable[Budget], *, decimals: int, currency: str
) -> dict[str, CentreTotals]:
    """The totals of each cost centre that has rows in the period or the one before, or a budget, and of those above.

    `decimals` are the places of the costs, `currency` is that of the books.
    """
    limits = {budget.scope.value: budget for budget in budgets}
    centres = covered([*sums.rows, *sums.previous, *limits])
    cents, cents_before = (in_cents(costs, decimals, currency) for costs in (sums.costs, sums.previous))
    costs, previous, unknown, headlines, headlines_before = (
        with_below(own, centres) for own in (sums.costs, sums.previous, sums.unknown, cents, cents_before)
    )
    return {
        path: CentreTotals(
            path=path,
            name="Unallocated" if path == UNALLOCATED else names.get(path, path.rpartition("/")[2]),
            rows=sums.rows.get(path, 0),
            cost=sums.costs.get(path, ZERO),
            previous=sums.previous.get(path, ZERO),
            cost_with_below=costs[path],
            previous_with_below=previous[path],
            headline=cents.get(path, ZERO),
            headline_before=cents_before.get(path, ZERO),
            headline_with_below=headlines[path],
            headline_before_with_below=headlines_before[path],
            unknown=int(sums.unknown.get(path, 0)),
            unknown_with_below=int(unknown[path]),
            budget=limits.get(path),
        )
        for path in centres
    }
