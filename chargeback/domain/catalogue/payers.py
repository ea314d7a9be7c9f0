"""Which prices and markups depend on the cost centre that pays: prices with a markup of its own, and shared costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from chargeback.domain.catalogue.prices import Dated, PriceKey
from chargeback.domain.cost_centres.tree import with_ancestors
from chargeback.domain.money.exact import EXACT, round_total
from chargeback.domain.time.effective import Effective

COST_DECIMALS = 18
"""The decimals of an exact cost."""


@dataclass(frozen=True, slots=True)
class SharedMarkup:
    """A markup on shared costs.

    Attributes:
        percent: on top of what was paid.
        kinds: the kinds of shared costs that it covers.
        payers: the cost centres that it is for, with all below them; empty = every one.
    """

    id: str
    percent: Decimal
    effective: Effective
    kinds: frozenset[str]
    payers: tuple[str, ...] = ()

    def on(self, amount: Decimal, decimals: int = COST_DECIMALS) -> Decimal:
        """An amount with the markup, half to even at so many decimals."""
        share = EXACT.add(Decimal(1), EXACT.scaleb(self.percent, -2))
        return round_total(EXACT.multiply(amount, share), decimals)


@dataclass(frozen=True, slots=True)
class Payers:
    """What the rate card says about particular cost centres.

    Attributes:
        prices: cost centre → the prices that differ for it and all below it.
        shared: markups on shared costs; the first that is for a payer and a kind decides.
    """

    prices: Mapping[str, Mapping[PriceKey, Dated]] = field(default_factory=dict)
    shared: Sequence[SharedMarkup] = ()

    def group(self, cost_centre: str) -> str:
        """The nearest cost centre with prices of its own, at or above this one; empty where there is none."""
        return next((path for path in with_ancestors(cost_centre) if path in self.prices), "") if self.prices else ""

    def markup(self, kind: str, cost_centre: str, moment: datetime) -> SharedMarkup | None:
        """The markup on a cost centre's part of a shared cost of this kind, for a charge that begins at a moment."""
        return next(
            (
                each
                for each in self.shared
                if kind in each.kinds and each.effective.holds(moment) and is_paid_by(each.payers, cost_centre)
            ),
            None,
        )

    def rows(self) -> list[tuple[str, ...]]:
        """The markups on shared costs, for digests."""
        return [
            (each.id, str(each.percent), *each.effective.strings(), *sorted(each.kinds), "for", *each.payers)
            for each in self.shared
        ]


NO_PAYERS = Payers()


def is_paid_by(payers: Sequence[str], cost_centre: str) -> bool:
    """Whether a cost centre is one of these or below one; without any, each is."""
    return not payers or any(path in payers for path in with_ancestors(cost_centre))
