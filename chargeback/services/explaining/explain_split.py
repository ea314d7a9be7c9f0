"""Explains how a whole shared cost was split: what each cost centre used, and what each pays."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.money.exact import ZERO, to_text, total
from chargeback.domain.terms.shared_costs import Basis, SharedCost, active, measured
from chargeback.domain.time.months import month_of
from chargeback.services.explaining.explanation import PartOfSplit, Split
from chargeback.services.explaining.rows_of_period import PeriodRows, ReportRow

_MOMENT = timedelta(microseconds=1)


def explain_split(row: ReportRow, rows: PeriodRows, costs: Sequence[SharedCost], catalogue: Catalogue) -> Split:
    """The shared cost of a row; without measures where the terms do not have it any more, or it has none."""
    cost = next((cost for cost in costs if cost.cost_id == row["shared_cost"]), None)
    parts = rows.ask("split", shared_cost=row["shared_cost"])
    used = _used(row, rows, cost, catalogue) if cost else {}
    ratios = total([part["ratio"] or ZERO for part in parts])
    return Split(
        id=row["shared_cost"],
        name=cost.name if cost else "",
        kind=row["meter"],
        basis=row["allocation_basis"],
        measure=("capacity" if cost.capacity else cost.measure.value) if cost and used else "",
        source=cost.source if cost else "",
        corrects=row["corrects_period"],
        whole=to_text(total([part["exact_cost"] or ZERO for part in parts])),
        ratios=to_text(ratios),
        agrees=ratios == 1,
        parts=[
            PartOfSplit(
                cost_centre=part["cost_centre"],
                used=to_text(used[part["cost_centre"]]) if part["cost_centre"] in used else None,
                ratio=to_text(part["ratio"] or ZERO),
                exact_cost=to_text(part["exact_cost"] or ZERO),
                cost=to_text(part["cost"] or ZERO),
            )
            for part in parts
        ],
    )


def _used(row: ReportRow, rows: PeriodRows, cost: SharedCost, catalogue: Catalogue) -> dict[str, Any]:
    """How much each cost centre used of the calls that count, as publishing measured it.

    Nothing of a cost that corrects a closed period: it is split by that one's usage, which other files have.
    """
    calendar = catalogue.calendar
    times = active(cost, month_of(row["charge_date"]), calendar)
    if times is None or cost.corrects or cost.basis not in (Basis.USAGE, Basis.WEIGHTED):
        return {}
    usage = rows.direct_usage(calendar.date_of(times.first), calendar.date_of(times.after - _MOMENT), catalogue)
    return dict(measured(cost, usage, times))
