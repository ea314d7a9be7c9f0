"""The figures that a statement shows for one cost centre in one period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.reports.movers import Mover
from chargeback.domain.terms.shared_costs import CAPACITY_MEASURE
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month


@dataclass(frozen=True, slots=True)
class CentreTotals:
    """The totals of a cost centre, in printed costs: what was charged to it alone, and with everything below it.

    Attributes:
        previous: what was charged to it in the period before.
        headline: `cost` in cents, so that the headlines of all cost centres add up to the total in cents; likewise
            `headline_before` of `previous`, and both with everything below.
        unknown: rows whose cost is not known yet, so that the costs are only the least that it will be.
        budget: in force in the period; it is for everything below as well.
    """

    path: str
    name: str
    rows: int
    cost: Decimal
    previous: Decimal
    cost_with_below: Decimal
    previous_with_below: Decimal
    headline: Decimal
    headline_before: Decimal
    headline_with_below: Decimal
    headline_before_with_below: Decimal
    unknown: int
    unknown_with_below: int
    budget: Budget | None


class Share(NamedTuple):
    """A part of what was charged: a member of a view, or several together.

    Attributes:
        kind: usage, shared or correction.
        label: the member; empty where usage names none, where several are summed, and for the other kinds.
        members: how many are summed.
        unknown: rows whose cost is not known yet.
    """

    kind: str
    label: str
    members: int
    cost: Decimal
    requests: int
    unknown: int


class DayCost(NamedTuple):
    """The cost of one model, or one cost centre below, on a day. `unknown`: rows whose cost is not known yet."""

    date: BookDate
    kind: str
    label: str
    cost: Decimal
    requests: int
    unknown: int


class OpenUsage(NamedTuple):
    """Usage whose cost is not known, or only estimated."""

    state: str
    model: str
    deployment: str
    meter: str
    unit: str
    quantity: Decimal
    cost: Decimal


class SharedPart(NamedTuple):
    """A cost centre's part of a cost that is split, and the whole that it is a part of.

    Attributes:
        measure: what use is measured by where that decides who pays, else empty, and the uses are None.
        price, quantity, unit, currency: what the whole is at its source; None in files of older versions.
        own_use, use_of_all: what the cost centre and all together used; with capacity, idle capacity included.
        cost: printed, as `whole` is, which is what all cost centres are charged of it.
        idle_use: how much of `use_of_all` nobody used; None where that is not known.
    """

    shared_cost: str
    meter: str
    basis: str
    measure: str
    price: Decimal | None
    quantity: Decimal | None
    unit: str
    currency: str
    ratio: Decimal
    own_use: Decimal | None
    use_of_all: Decimal | None
    cost: Decimal
    whole: Decimal
    idle_use: Decimal | None

    @property
    def utilisation(self) -> Decimal | None:
        """Which part of the capacity was used; None where no capacity is stated."""
        if self.measure != CAPACITY_MEASURE or not self.use_of_all:
            return None
        return 1 - (self.idle_use or Decimal(0)) / self.use_of_all


class PricedUse(NamedTuple):
    """How much was used at one price, and what that cost; or the use at several prices together, without prices.

    Attributes:
        members: how many prices these are.
        currency: the prices'; the cost is in that of the books.
        listed, contracted, charged: for one `price_unit`: as published, as negotiated, and with the markup.
    """

    members: int
    model: str | None
    deployment_type: str | None
    service_tier: str | None
    variant: str | None
    meter: str | None
    unit: str | None
    price_unit: str | None
    currency: str | None
    listed: Decimal | None
    contracted: Decimal | None
    charged: Decimal | None
    quantity: Decimal | None
    cost: Decimal


class ChainPart(NamedTuple):
    """What charges of a kind come to at each price, exact, and what they cost as printed."""

    kind: str
    listed: Decimal
    contracted: Decimal
    charged: Decimal
    cost: Decimal


class Correction(NamedTuple):
    """A correction: which charge it changes, and by how much; None where that is not known yet."""

    period: Month
    date: BookDate
    charge_id: str
    model: str
    meter: str
    unit: str
    quantity: Decimal
    currency: str
    cost: Decimal | None
    reason: str


class CorrectedPeriod(NamedTuple):
    """All corrections of one period for one reason, in the currency that it was kept in."""

    period: Month
    reason: str
    currency: str
    cost: Decimal
    rows: int


class Rate(NamedTuple):
    """An exchange rate that was used: units of the books' currency for one of `currency`."""

    currency: str
    rate: Decimal
    date: str
    source: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that a cost centre's statement shows.

    Attributes:
        totals: the cost centre's.
        descendants: those below it that are listed, parents before children.
        unlisted: how many more are below it.
        days: own costs by day and model, without corrections; ascending.
        days_below: costs by day and direct child with everything below that; ascending. Empty without descendants.
        shares: by view (model, application, user): own costs, each view summing to what was charged.
        movers: what moved the own costs; empty where there is nothing to compare with.
        shared_before: its parts of shared costs in the period before; empty where there is nothing to compare with.
        prices: usage by price, the costliest first; what is not listed is one entry, the last.
        chain: from published prices to what was charged, by kind.
        corrections: the largest ones.
        corrected: all of them by period and reason; only those in the currency of the books are part of other figures.
    """

    totals: CentreTotals
    descendants: Sequence[CentreTotals] = ()
    unlisted: int = 0
    days: Sequence[DayCost] = ()
    days_below: Sequence[DayCost] = ()
    shares: Mapping[str, Sequence[Share]] = field(default_factory=dict)
    movers: Sequence[Mover] = ()
    open_usage: Sequence[OpenUsage] = ()
    shared: Sequence[SharedPart] = ()
    shared_before: Sequence[SharedPart] = ()
    prices: Sequence[PricedUse] = ()
    chain: Sequence[ChainPart] = ()
    corrections: Sequence[Correction] = ()
    corrected: Sequence[CorrectedPeriod] = ()
    rates: Sequence[Rate] = ()
