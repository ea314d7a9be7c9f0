"""What is answered to a question about costs: sums of the published rows, and how far they can be relied on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.reports.movers import Mover
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from chargeback.domain.usage.states import LineState


@dataclass(frozen=True, slots=True)
class CostStanding:
    """How far figures are settled.

    Attributes:
        state: that of the month, or of the least settled of several.
        final: whether they will never change: all their months are closed.
        as_of: the books as they were then are in them; the earliest of several open months, or where all are closed,
            when the last was. None for no month at all.
        version: the version of the books; the same version gives the same figures.
    """

    state: PeriodState
    final: bool
    as_of: datetime | None
    version: str


@dataclass(frozen=True, slots=True)
class CostRow:
    """Sums over the published rows that have these values; never over several currencies.

    Attributes:
        dimensions: the values of the dimensions that were asked for, in their order.
        month: which month they are of; None where rows stand for the whole span.
        date: which date of the books; None unless rows stand for a date.
        cost: the sum of the printed costs; None where none of them is known yet, which is not zero.
        exact_cost: before the rounding of the rows; None likewise, and so are the next two.
        list_cost: at published prices.
        contracted_cost: at negotiated prices.
        requests: calls.
        input_tokens, output_tokens: all tokens of the kind, cached ones and reasoning included.
        quantity: the sum of what was measured; None unless it was asked by meter and the rows have one unit.
        unit: the quantity's; empty where there is none.
        rows: how many published rows these are.
        unpriced: how many of them have no price yet, so that the cost is more than it says.
        unsettled: how many wait for their token counts, likewise.
        estimated: how many rest on a guess.
    """

    dimensions: Mapping[Dimension, str]
    month: Month | None
    date: BookDate | None
    currency: str
    cost: Decimal | None
    exact_cost: Decimal | None
    list_cost: Decimal | None
    contracted_cost: Decimal | None
    requests: int
    input_tokens: int
    output_tokens: int
    quantity: Decimal | None
    unit: str
    rows: int
    unpriced: int
    unsettled: int
    estimated: int
    standing: CostStanding

    @property
    def is_complete(self) -> bool:
        """Whether the cost of everything in it is known."""
        return not (self.unpriced or self.unsettled)


@dataclass(frozen=True, slots=True)
class CostAnswer:
    """The answer to a `CostQuery`.

    Attributes:
        rows: those of the page.
        total: how many rows the whole answer has.
        standing: that of all months that it was answered from, also those without a row.
        missing: months of the span whose figures are not made yet, as after an upgrade; they are not in the rows.
    """

    rows: Sequence[CostRow]
    total: int
    standing: CostStanding
    missing: Sequence[Month] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every month of the span is in it."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class CurrencyChange:
    """How costs in one currency changed between two spans.

    Attributes:
        before, after: the sums of the printed costs; None where nothing of the span is known in this currency.
        movers: what changed most, the largest change first; the parts of each sum to its change. Shared costs and
            corrections are movers of their own.
        total: how many movers there are.
    """

    currency: str
    before: Decimal | None
    after: Decimal | None
    movers: Sequence[Mover]
    total: int


@dataclass(frozen=True, slots=True)
class OpenUsageRow:
    """Usage whose cost is not known, or rests on a guess.

    Attributes:
        state: unpriced, unsettled or estimated.
        cost: None where it is not known.
        rows: how many published rows these are.
        requests: calls, where the meter counts them.
    """

    month: Month
    state: LineState
    cost_centre: str
    application: str
    model: str
    operation: str
    region: str
    deployment_type: str
    meter: str
    unit: str
    quantity: Decimal
    requests: int
    currency: str
    cost: Decimal | None
    rows: int
    standing: CostStanding


@dataclass(frozen=True, slots=True)
class OpenUsageAnswer:
    """Some of the open usage of a span, by month, state, cost centre and the rest; `total`: how many rows there are."""

    rows: Sequence[OpenUsageRow]
    total: int
    standing: CostStanding
    missing: Sequence[Month] = ()


@dataclass(frozen=True, slots=True)
class CostComparison:
    """Two spans beside each other.

    Attributes:
        changes: for each currency of either span.
        before, after: how far the figures of each are settled.
        standing: how far a change is, which has figures of both.
        missing: months of either whose figures are not made yet.
    """

    changes: Sequence[CurrencyChange]
    before: CostStanding
    after: CostStanding
    standing: CostStanding
    missing: Sequence[Month] = ()


@dataclass(frozen=True, slots=True)
class DimensionValues:
    """The values that a dimension has in a span, ascending.

    Attributes:
        values: those of the page.
        total: how many there are.
    """

    values: Sequence[str]
    total: int
    standing: CostStanding
    missing: Sequence[Month] = ()


@dataclass(frozen=True, slots=True)
class ViewedMonth:
    """A month whose figures can be asked for."""

    month: Month
    currency: str
    standing: CostStanding
