"""Anomalies: days and hours that stand out from a cost centre's own pattern, and which usage made the difference."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from chargeback.domain.money.exact import EXACT, ZERO, total

EXPLAINED_BY = ("model", "application", "user")
"""The dimensions that explain a difference; each alone explains all of it."""

THE_OTHERS = "others"
"""Stands for everything that is too small to be named."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """When a day or an hour stands out: both must hold.

    Attributes:
        deviations: how many of the pattern's own deviations it must lie from the usual.
        minimum: how much money must lie between, so that cents do not alarm.
    """

    deviations: float = 6.0
    minimum: Decimal = Decimal(10)


class Slot(msgspec.Struct, frozen=True, rename="camel"):
    """A date of the books of a cost centre, without what is below it; or one hour of a UTC day, 0 to 23."""

    date: str
    cost_centre: str
    hour: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A day or an hour that stands out, not yet explained.

    Attributes:
        slot: which.
        currency: the amounts'.
        spent: exact.
        usual: an estimate.
        reference: the day of the same weekday in earlier weeks whose spend (in that hour) was nearest to the usual.
    """

    slot: Slot
    currency: str
    spent: Decimal
    usual: float
    reference: str


class Contribution(msgspec.Struct, frozen=True, rename="camel"):
    """What one name contributes to a difference; exact, and negative where it spent less."""

    name: str
    before: Decimal
    after: Decimal

    @property
    def amount(self) -> Decimal:
        """After minus before."""
        return EXACT.subtract(self.after, self.before)


class Anomaly(msgspec.Struct, frozen=True, rename="camel"):
    """A day or an hour that stands out.

    Attributes:
        slot: which.
        currency: every amount's.
        spent: exact.
        usual: what the pattern leads to expect, in cents; an estimate.
        compared_with: the date that `movers` start from: a usual one of the same weekday, in the weeks before.
        movers: dimension → the changes since then, the largest first, THE_OTHERS last; they sum to the whole.
    """

    slot: Slot
    currency: str
    spent: Decimal
    usual: Decimal
    compared_with: str
    movers: Mapping[str, tuple[Contribution, ...]]


def contributions(
    before: Mapping[str, Decimal], after: Mapping[str, Decimal], largest: int
) -> tuple[Contribution, ...]:
    """The largest differences by name, the rest as THE_OTHERS; they sum to the difference of the sums."""
    names = sorted({*before, *after})
    found = [Contribution(name, before.get(name, ZERO), after.get(name, ZERO)) for name in names]
    found.sort(key=lambda change: -abs(change.amount))
    named, rest = found[:largest], found[largest:]
    if not any(change.amount for change in rest):
        return tuple(change for change in named if change.amount)
    others = Contribution(
        THE_OTHERS, total([change.before for change in rest]), total([change.after for change in rest])
    )
    return (*named, others)
