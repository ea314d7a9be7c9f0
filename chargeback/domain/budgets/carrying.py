"""How much a budget carries from earlier windows into the current one: unspent money, or what was overspent.

What was carried is spent first, the oldest before the others; an override is spent last and never carried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.budgets.windows import Window
from chargeback.domain.money.exact import EXACT, ZERO, total


@dataclass(frozen=True, slots=True)
class PastWindow:
    """A window that is over.

    Attributes:
        window: its dates.
        spent: what was spent in it, estimates included.
        added: what overrides added: those that held when it ended, and what was spent by those that ended before; below
            0 where they lowered the limit.
    """

    window: Window
    spent: Decimal
    added: Decimal = ZERO


def carried_into(budget: Budget, past: Sequence[PastWindow]) -> Decimal:
    """The amount carried into the window after `past`, which begins with the budget's first; below 0: overspent."""
    lots: list[Decimal] = []  # unspent money, the oldest window's first
    owed = ZERO
    for window in past:
        own = EXACT.subtract(EXACT.add(budget.amount, min(window.added, ZERO)), owed)
        spent = window.spent
        for index, lot in enumerate(lots):
            taken = min(lot, spent)
            lots[index], spent = EXACT.subtract(lot, taken), EXACT.subtract(spent, taken)
        left = EXACT.subtract(own, spent)
        beyond = -EXACT.add(left, max(window.added, ZERO))
        owed = max(beyond, ZERO) if budget.rollover.overage else ZERO
        lots = _kept(budget, [*lots, max(left, ZERO)]) if budget.rollover.unspent else []
    return EXACT.subtract(total(lots), owed)


def _kept(budget: Budget, lots: Sequence[Decimal]) -> list[Decimal]:
    """The carried money that has not expired, up to the cap; the newest money is kept first."""
    room = EXACT.multiply(budget.amount, EXACT.multiply(budget.rollover.cap, Decimal("0.01")))
    kept: list[Decimal] = []
    for lot in reversed(lots[-budget.rollover.expires_after :]):
        kept.insert(0, min(lot, room))
        room = EXACT.subtract(room, kept[0])
    return kept
