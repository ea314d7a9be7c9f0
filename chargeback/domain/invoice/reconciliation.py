"""Comparing the provider's invoice with the books: the values compared, the causes of a variance, and when it alarms.

Amounts are exact and in the currency of the books; a variance is the invoice minus the books, at contracted prices.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from chargeback.domain.money.exact import EXACT, ZERO, total
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.meters import Meter


class Cause(StrEnum):
    """The cause of a part of a variance; `domain.invoice.variances` has the rule of each."""

    UNMAPPED = "unmapped-deployment"
    UNPRICED = "unpriced"
    PRICE = "price-difference"
    EXCHANGE = "exchange-rate"
    UNSETTLED = "unsettled"
    ESTIMATED = "estimated"
    BYPASSED = "bypassed-gateway"
    SHIFTED = "time-shift"
    NOT_YET = "not-billed-yet"
    NOT_INVOICED = "not-on-invoice"
    UNEXPLAINED = "unexplained"


class Sku(NamedTuple):
    """What the provider prices: the key by which books and invoice meet."""

    model: str
    deployment_type: str
    service_tier: str
    variant: str
    meter: str

    def __str__(self) -> str:
        tier = "" if self.service_tier in ("", "default") else self.service_tier
        return " ".join(part for part in (self.model, self.deployment_type, tier, self.variant, self.meter) if part)


CAPACITY = Sku("", "", "", "", "capacity")
"""Capacity paid by the hour or in advance: provisioned throughput, hosting. Compared for the whole period."""

OTHER_METERS = Sku("", "", "", "", "other meters")
"""Meters that the reviewed table does not know, and what the books have that no known meter answers to."""

BILLED_AS = {Meter.REASONING.value: Meter.OUTPUT.value}
"""Meters of ours that the provider bills under another one."""


class InvoicedCost(StrEnum):
    """Which cost of the invoice is compared; the value is the name of its column in the export."""

    BILLED = "BilledCost"
    """The amount to pay, for invoices that are paid month by month."""
    AMORTISED = "EffectiveCost"
    """The month's part of the amount, for commitments that are paid in advance for longer."""


@dataclass(frozen=True, slots=True)
class ReconciliationRules:
    """How a period is reconciled.

    Attributes:
        export: folder of the export in the container `cost-exports`; empty looks through all of it.
        percent: a variance alarms when it is above so many percent of the invoice
        absolute: and above this amount.
        lag_hours: usage of a day may reach the invoice so long after the day's end.
        scope: beginnings of the resource ids that count, such as a resource group's; empty: every account.
        services: `ServiceName` of what counts in addition to the accounts of the deployment map.
        cost: which cost of the invoice counts.
    """

    export: str = ""
    percent: Decimal = Decimal(1)
    absolute: Decimal = Decimal(10)
    lag_hours: int = 72
    scope: tuple[str, ...] = ()
    services: tuple[str, ...] = ("Azure OpenAI", "Azure OpenAI Service", "Foundry Models")
    cost: InvoicedCost = InvoicedCost.BILLED

    @property
    def lag(self) -> timedelta:
        """`lag_hours` as a span."""
        return timedelta(hours=self.lag_hours)

    def exceeded_by(self, variance: Decimal, invoiced: Decimal) -> bool:
        """Whether a variance is above both tolerances."""
        of_invoice = EXACT.multiply(abs(invoiced), EXACT.multiply(self.percent, Decimal("0.01")))
        return abs(variance) > self.absolute and abs(variance) > of_invoice


NO_DAY = UtcDay("")
"""The day of amounts that belong to a whole month."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What the books have of a meter at a resource on a day.

    Attributes:
        resource: name of the account, in lower case.
        quantity: all of it, whatever its state.
        cost: at contracted prices; what has no price adds nothing.
        unpriced: the part of the quantity that has no price.
        unmapped: the part of the quantity whose deployment the map does not have.
        estimated: the part of the quantity that was estimated.
        unsettled: calls whose quantities are not known.
        prices: entries of the rate card that were used.
        rate: at which the cost was converted; 1 where it was not.
    """

    day: UtcDay
    resource: str
    sku: Sku
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    unpriced: Decimal = ZERO
    unmapped: Decimal = ZERO
    estimated: Decimal = ZERO
    unsettled: int = 0
    prices: tuple[str, ...] = ()
    rate: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Invoiced:
    """What the invoice has of a meter at a resource on a day.

    Attributes:
        meter_id: the provider's id of the meter.
        meter_name: its name.
        sku: what the reviewed table says it is; None where it says nothing.
        quantity: in the unit of our meter; None where the invoice does not tell.
        cost: billed.
        is_capacity: paid by the hour or in advance.
        rate: at which the provider converted the cost; None where the invoice does not tell.
    """

    day: UtcDay
    resource: str
    meter_id: str
    meter_name: str
    sku: Sku | None
    quantity: Decimal | None
    cost: Decimal
    is_capacity: bool = False
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VariancePart:
    """A part of a variance, what it is put down to, and why."""

    cause: Cause
    amount: Decimal
    evidence: str


@dataclass(frozen=True, slots=True)
class Variance:
    """Invoice and books for one SKU at one resource on one day; its parts sum to `cost`.

    Attributes:
        day: empty for capacity, which is compared for the whole period.
        booked_quantity: None where quantities are not compared; likewise `invoiced_quantity`.
        meters: the provider's meters, each as `name (id)`.
    """

    day: UtcDay
    resource: str
    sku: Sku
    booked_cost: Decimal
    invoiced_cost: Decimal
    booked_quantity: Decimal | None
    invoiced_quantity: Decimal | None
    meters: tuple[str, ...]
    parts: tuple[VariancePart, ...]

    @property
    def cost(self) -> Decimal:
        """The invoice minus the books."""
        return EXACT.subtract(self.invoiced_cost, self.booked_cost)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A reconciled period.

    Attributes:
        variances: by day, resource and SKU; also where nothing differs.
        unmapped_meters: meters of the invoice that the reviewed table does not know, with their cost.
        unknown_resources: accounts of the invoice that the deployment map does not have, with their cost.
    """

    variances: tuple[Variance, ...]
    unmapped_meters: dict[str, Decimal] = field(default_factory=dict)
    unknown_resources: dict[str, Decimal] = field(default_factory=dict)

    @property
    def invoiced(self) -> Decimal:
        """The invoice's cost."""
        return total([each.invoiced_cost for each in self.variances])

    @property
    def booked(self) -> Decimal:
        """The books' contracted cost."""
        return total([each.booked_cost for each in self.variances])

    @property
    def variance(self) -> Decimal:
        """The invoice minus the books."""
        return EXACT.subtract(self.invoiced, self.booked)

    def by_cause(self) -> dict[Cause, tuple[Decimal, int]]:
        """Amount and number of parts of each cause that occurs, in the order of `Cause`."""
        found = summed_parts(self.variances)
        return {cause: found[cause] for cause in Cause if cause in found}

    @property
    def overdue(self) -> Decimal:
        """The variance without usage that the invoice cannot have yet; it is compared with the tolerance."""
        not_yet = self.by_cause().get(Cause.NOT_YET, (ZERO, 0))[0]
        return EXACT.subtract(self.variance, not_yet)

    def overdue_by_use(self) -> dict[str, Decimal]:
        """What `overdue` is made of, by what was used at which account, the largest first."""
        parts = [
            (f"{each.sku} at {each.resource}", part.amount)
            for each in self.variances
            for part in each.parts
            if part.cause is not Cause.NOT_YET
        ]
        return {name: amount for name, amount in costs_by(parts).items() if amount}


def summed_parts(variances: Iterable[Variance]) -> dict[Cause, tuple[Decimal, int]]:
    """Amount and number of the parts of each cause."""
    parts: dict[Cause, list[Decimal]] = {}
    for variance in variances:
        for part in variance.parts:
            parts.setdefault(part.cause, []).append(part.amount)
    return {cause: (total(amounts), len(amounts)) for cause, amounts in parts.items()}


def is_known(resource: str, accounts: Iterable[str]) -> bool:
    """Whether an account is in the deployment map: as itself, or as `<account>-<suffix>` of one that is."""
    return any(resource == account or resource.startswith(f"{account}-") for account in accounts)


def costs_by(pairs: Sequence[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Costs summed by name, the largest first."""
    sums: dict[str, Decimal] = {}
    for name, cost in pairs:
        sums[name] = EXACT.add(sums.get(name, ZERO), cost)
    return dict(sorted(sums.items(), key=lambda pair: (-abs(pair[1]), pair[0])))
