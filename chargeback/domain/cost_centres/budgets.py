"""Budgets: what a cost centre with its descendants may spend in a billing period, and when to say so."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class CentreBudget:
    """A limit for a cost centre and everything below it.

    Attributes:
        cost_centre: its path.
        amount: for one billing period, above zero.
        currency: the amount's.
        thresholds: percentages of the amount that raise an alert, ascending.
    """

    cost_centre: str
    amount: Decimal
    currency: str
    thresholds: tuple[int, ...]
