"""How much a shared cost is in a period, and which part of it each cost centre pays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import NamedTuple

from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.cost_centres.tree import UNALLOCATED, with_ancestors
from chargeback.domain.deployments.deployment import Deployment
from chargeback.domain.deployments.served_model import without_snapshot
from chargeback.domain.invoice.reconciliation import Sku
from chargeback.domain.money.exact import EXACT, ZERO, round_total, total
from chargeback.domain.money.shares import ratios
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import ALWAYS, Effective
from chargeback.domain.time.months import NO_MONTH, Month

AMOUNT_DECIMALS = 6
"""With the 12 of a ratio 18 decimals, so that the product fits the exact costs of `domain.reports.rows`."""

USE_DECIMALS = 12
"""The places of a measured use where it is printed."""

LARGEST_COST = Decimal(10) ** 12
"""A larger cost in a month is refused; up to this amount every file is exact, at any exchange rate."""

IDLE = "provisioned-idle"
"""The meter of the part of a provisioned cost that nobody used."""

_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_LONGEST_MONTH = Decimal(31 * 24 + 1)
_DIVISION = Context(prec=60)


class CostKind(StrEnum):
    """What a shared cost is for."""

    PROVISIONED = "provisioned"
    HOSTING = "hosting"
    FEE = "fee"
    TRUE_UP = "true-up"


class Basis(StrEnum):
    """In which proportion a shared cost is split."""

    USAGE = "usage"
    EVEN = "even"
    FIXED = "fixed"
    WEIGHTED = "weighted"


class BasisMeasure(StrEnum):
    """What usage is measured by where it is the basis."""

    COST = "cost"
    TOKENS = "tokens"
    REQUESTS = "requests"
    QUANTITY = "quantity"
    """The units of a meter, only where all usage has the same meter."""


class Per(StrEnum):
    """What a shared cost is charged by."""

    MONTH = "month"
    HOUR = "hour"
    PERIOD = "period"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls count: those that match in every respect; an empty one matches all.

    Attributes:
        skus: the only ones that are measured; `not_skus`: all but these. `not_accounts`: likewise.
    """

    accounts: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    deployment_types: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    skus: tuple[Sku, ...] = ()
    not_skus: tuple[Sku, ...] = ()
    not_accounts: tuple[str, ...] = ()

    def takes(self, account: str, deployment: str, deployment_type: str, model: str) -> bool:
        """Whether a call counts; names compare without regard to case, and a model also with its snapshot."""
        return (
            _is_one_of(self.accounts, account)
            and _is_one_of(self.deployments, deployment)
            and _is_one_of(self.deployment_types, deployment_type)
            and (_is_one_of(self.models, model) or _is_one_of(self.models, without_snapshot(model)))
        )

    def counts(self, usage: "DirectUsage") -> bool:
        """Whether some usage counts."""
        return (
            self.takes(usage.account, usage.deployment, usage.deployment_type, usage.model)
            and (not self.skus or usage.sku in self.skus)
            and usage.sku not in self.not_skus
            and not (self.not_accounts and _is_one_of(self.not_accounts, usage.account))
        )


EVERY_CALL = Selection()


@dataclass(frozen=True, slots=True)
class Capacity:
    """What provisioned throughput can do, so that a small user does not pay for the idle rest.

    A token from the cache takes none of it, and one that is generated takes as much as some that are read
    (learn.microsoft.com, provisioned-throughput-onboarding: gpt-4.1 counts an output token as 4 input tokens).

    Attributes:
        tokens_per_minute: input tokens that one unit takes in a minute, as the provider states for the model.
        output_counts: how many input tokens an output token counts as.
        idle: the cost centre that pays for what nobody used, and for nothing else.
    """

    tokens_per_minute: Decimal
    output_counts: Decimal
    idle: str

    def taken_by(self, usage: "DirectUsage") -> Decimal:
        """How much of the capacity some usage took, in input tokens."""
        read = usage.tokens - usage.cached - usage.output
        return EXACT.add(Decimal(read), EXACT.multiply(Decimal(usage.output), self.output_counts))

    def of(self, units: int, time: Effective) -> Decimal:
        """The whole capacity, in input tokens."""
        minutes = (time.after - time.first) // _MINUTE
        return EXACT.multiply(self.tokens_per_minute, Decimal(units * minutes))


@dataclass(frozen=True, slots=True)
class SharedCost:
    """A cost to be split.

    Attributes:
        cost_id: unique among the shared costs.
        price: what a unit costs for a month, an hour, or one period as a whole. Below zero: a credit.
        units: how many, such as provisioned throughput units.
        period: for a price per period, the one that it is charged in; else empty.
        effective: when it is charged, if not by the period.
        measure: for the bases usage and weighted, what usage is measured by.
        of: the calls whose usage is measured.
        among: for the basis even, who shares; empty = every cost centre with such usage.
        shares: for the basis fixed, the percentage of each cost centre.
        weights: for the basis weighted, the factor of each cost centre's usage; a path without one has that of the
            nearest cost centre above it, else 1.
        capacity: for a provisioned cost, the most that it can do: its idle part is paid by a cost centre of its own.
        corrects: the closed period that it belongs to, though it is charged later; else empty.
        nets: the cost of the usage that counts, at contracted prices, when the price was found; usage that came since
            reduces the price. None: it stays as it is.
        source: where the price was read.
        verified: how the price is known; None where nobody said, or where it is a fee of your own.
    """

    cost_id: str
    name: str
    kind: CostKind
    price: Decimal
    per: Per
    currency: str
    basis: Basis
    units: int = 1
    period: Month = NO_MONTH
    effective: Effective = ALWAYS
    measure: BasisMeasure = BasisMeasure.COST
    of: Selection = EVERY_CALL
    among: tuple[str, ...] = ()
    shares: Mapping[str, Decimal] = field(default_factory=dict)
    weights: Mapping[str, Decimal] = field(default_factory=dict)
    capacity: Capacity | None = None
    corrects: Month = NO_MONTH
    nets: Decimal | None = None
    source: str = ""
    verified: Verified | None = None

    def meter_of(self, cost_centre: str) -> str:
        """The meter of a cost centre's part: the kind of cost, or idle capacity."""
        is_idle = self.kind is CostKind.PROVISIONED and self.capacity and cost_centre == self.capacity.idle
        return IDLE if is_idle else self.kind.value


class DirectUsage(NamedTuple):
    """What a cost centre used of a deployment and a meter while a shared cost was charged.

    Attributes:
        cached, output: the tokens from the cache and those of the answer.
        quantity: in the unit of the meter.
        contracted: what it cost at contracted prices, in the currency of the books.
    """

    cost_centre: str
    account: str
    deployment: str
    deployment_type: str
    model: str
    cost: Decimal
    tokens: int
    requests: int
    cached: int
    output: int
    service_tier: str = ""
    variant: str = ""
    meter: str = ""
    quantity: Decimal = ZERO
    contracted: Decimal = ZERO

    @property
    def sku(self) -> Sku:
        """The SKU that was used, as the books name it."""
        model = without_snapshot(self.model)
        return Sku(model, self.deployment_type, self.service_tier, self.variant, self.meter)


def active(cost: SharedCost, period: Month, calendar: Calendar) -> Effective | None:
    """When a cost is charged within a period; None where it is not."""
    whole = calendar.time_of(period)
    if cost.per is Per.PERIOD:
        return whole if cost.period == period else None
    return whole.intersection(cost.effective)


def amount(cost: SharedCost, period: Month, calendar: Calendar) -> Decimal:
    """What a cost is in a period, in its own currency and with at most 6 decimals.

    A price per hour counts every hour in which it is charged. A price per month is charged in proportion to the hours
    of the month, rounded half to even, where the cost does not last for all of it.
    """
    charged = active(cost, period, calendar)
    if charged is None:
        return ZERO
    price = EXACT.multiply(cost.price, Decimal(cost.units))
    if cost.per is Per.PERIOD:
        return price
    hours = (charged.after - charged.first) // _HOUR
    if cost.per is Per.HOUR:
        return to_amount(EXACT.multiply(price, Decimal(hours)))
    start, end = calendar.bounds(period)
    of_all = (end - start) // _HOUR
    return price if hours == of_all else to_amount(_DIVISION.divide(price * hours, Decimal(of_all)))


class Origin(NamedTuple):
    """A whole shared cost of a period as its source prices it: a price for a unit, and how many units.

    Attributes:
        price: in the currency of the cost.
        quantity: at most 12 decimals; times the price it is the whole, but for the rounding of a part of a month.
        unit: such as `PTU-hours`.
    """

    price: Decimal
    quantity: Decimal
    unit: str


def origin(cost: SharedCost, whole: Decimal, period: Month, calendar: Calendar) -> Origin:
    """How the whole of a cost in a period came about; what is charged once is one unit at the price of the whole."""
    charged = active(cost, period, calendar)
    if cost.per is Per.PERIOD or charged is None:
        return Origin(whole, Decimal(1), "units")
    thing = "PTU-" if cost.kind is CostKind.PROVISIONED else ""
    hours = Decimal((charged.after - charged.first) // _HOUR)
    if cost.per is Per.HOUR:
        return Origin(cost.price, EXACT.multiply(hours, Decimal(cost.units)), f"{thing}hours")
    start, end = calendar.bounds(period)
    months = _DIVISION.divide(hours * cost.units, Decimal((end - start) // _HOUR))
    return Origin(cost.price, round_total(months, USE_DECIMALS), f"{thing}months")


def largest(cost: SharedCost) -> Decimal:
    """The most that a cost can be in a month."""
    price = EXACT.multiply(abs(cost.price), Decimal(cost.units))
    return EXACT.multiply(price, _LONGEST_MONTH) if cost.per is Per.HOUR else price


def to_amount(exact: Decimal) -> Decimal:
    """An amount as it is split: half to even at 6 decimals; also what a currency conversion ends with."""
    return round_total(exact, AMOUNT_DECIMALS)


CAPACITY_MEASURE = "capacity"
"""What use of provisioned throughput is measured by where its capacity is stated: input tokens, weighted."""


def measure_of(cost: SharedCost) -> str:
    """What the use is measured by that decides who pays: a `BasisMeasure` or capacity; empty where use does not."""
    if cost.basis in (Basis.EVEN, Basis.FIXED):
        return ""
    return CAPACITY_MEASURE if cost.capacity else _measure(cost).value


def _measure(cost: SharedCost) -> BasisMeasure:
    # Calls of provisioned deployments cost nothing: older files that did not say so meant their tokens.
    is_free = (cost.kind, cost.measure) == (CostKind.PROVISIONED, BasisMeasure.COST)
    return BasisMeasure.TOKENS if is_free else cost.measure


def measured(cost: SharedCost, usage: Iterable[DirectUsage], charged: Effective) -> dict[str, Decimal]:
    """Cost centre → what it used of the calls that count while the cost was charged.

    Capacity that stayed idle is used by the cost centre that is named for it.
    """
    measure = _measure(cost)
    sums: dict[str, Decimal] = {}
    for each in usage:
        if cost.of.counts(each):
            taken = cost.capacity.taken_by(each) if cost.capacity else _quantity(each, measure)
            sums[each.cost_centre] = EXACT.add(sums.get(each.cost_centre, ZERO), taken)
    if cost.capacity:
        idle = EXACT.subtract(cost.capacity.of(cost.units, charged), total(sums.values()))
        sums[cost.capacity.idle] = EXACT.add(sums.get(cost.capacity.idle, ZERO), max(idle, ZERO))
    return sums


def _quantity(usage: DirectUsage, measure: BasisMeasure) -> Decimal:
    match measure:
        case BasisMeasure.COST:
            return usage.cost
        case BasisMeasure.TOKENS:
            return Decimal(usage.tokens)
        case BasisMeasure.REQUESTS:
            return Decimal(usage.requests)
        case BasisMeasure.QUANTITY:
            return usage.quantity


def netted(cost: SharedCost, price: Decimal, usage: Iterable[DirectUsage]) -> Decimal:
    """The price of a cost in a period, less the usage it is for that came after the price was found."""
    if cost.nets is None:
        return price
    now = total([each.contracted for each in usage if cost.of.counts(each)])
    return EXACT.subtract(price, to_amount(EXACT.subtract(now, cost.nets)))


def split(cost: SharedCost, used: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Cost centre → its ratio, at most 12 decimals, by path; they sum to 1 exactly.

    `used` is what `measured` gives. What nobody shares, because nobody used it, is `unallocated`.
    """
    return ratios(_portions(cost, used)) or {UNALLOCATED: Decimal(1)}


def _portions(cost: SharedCost, used: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    match cost.basis:
        case Basis.FIXED:
            return cost.shares
        case Basis.EVEN:
            return dict.fromkeys(cost.among or [path for path, quantity in used.items() if quantity > 0], Decimal(1))
        case Basis.WEIGHTED:
            return {path: EXACT.multiply(quantity, _weight(path, cost.weights)) for path, quantity in used.items()}
        case Basis.USAGE:
            return used


def _weight(path: str, weights: Mapping[str, Decimal]) -> Decimal:
    return next((weights[each] for each in with_ancestors(path) if each in weights), Decimal(1))


def covers(cost: SharedCost, deployment: Deployment) -> bool:
    """Whether a cost pays for a provisioned deployment."""
    place = deployment.account, deployment.name, deployment.type.value, deployment.model
    return cost.kind is CostKind.PROVISIONED and cost.of.takes(*place)


def _is_one_of(names: Sequence[str], name: str) -> bool:
    return not names or name.casefold() in (each.casefold() for each in names)
