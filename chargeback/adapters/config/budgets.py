"""Reads budgets.yaml; Bicep reads the same file for its alerts."""

from decimal import Decimal

from chargeback.adapters.config.entries import Record, each, sections
from chargeback.domain.cost_centres.budgets import CentreBudget


class _Budget(Record, frozen=True):
    cost_centre: str
    amount: int
    currency: str
    thresholds: tuple[int, ...]


def budgets(document: object, faults: list[str]) -> tuple[CentreBudget, ...]:
    """The budgets by their order; without a document there are none."""
    if document is None:
        return ()
    top = sections(document, ("budgets",), faults)
    return tuple(
        CentreBudget(one.cost_centre, Decimal(one.amount), one.currency, one.thresholds)
        for _, one in each(top["budgets"], _Budget, "budgets", faults)
    )
