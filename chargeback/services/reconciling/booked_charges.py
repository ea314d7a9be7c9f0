"""Sums the published rows of a period in the form in which they can be compared with the invoice."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import PROVISIONED_PRICE
from chargeback.domain.deployments.served_model import without_snapshot
from chargeback.domain.invoice.reconciliation import BILLED_AS, CAPACITY, NO_DAY, Booked, Sku
from chargeback.domain.money.exact import ZERO
from chargeback.domain.price_list.provider_meters import ProviderMeters, skus_of_prices
from chargeback.domain.terms.shared_costs import IDLE, CostKind, DirectUsage
from chargeback.domain.terms.true_ups import TrueUpPart, is_part
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.tiers import normal_tier
from chargeback.services.duck.engine import Engine, open_engine

_MEMORY_MB = 256

_CAPACITY = (CostKind.PROVISIONED.value, IDLE, CostKind.HOSTING.value)
"""Kinds of shared costs that are on the invoice of the accounts."""

_ELSEWHERE = (CostKind.FEE.value, CostKind.TRUE_UP.value)
"""Kinds of shared costs that are not on it."""


@dataclass(frozen=True, slots=True)
class BooksOfPeriod:
    """The books of a period.

    Attributes:
        booked: in the form that is compared with the invoice.
        usage: at contracted prices, by account and SKU of the books.
        skus: SKU as the invoice has it → those of the books that it is for.
        trued_up: shared cost of kind true-up that somebody entered by hand → its charge for the period, before any
            markup.
    """

    booked: list[Booked]
    usage: list[DirectUsage]
    skus: dict[Sku, tuple[Sku, ...]]
    trued_up: dict[str, Decimal]


def read_booked(
    period: Month,
    own: Path,
    later: Sequence[Path],
    catalogue: Catalogue,
    meters: ProviderMeters,
    parts: Sequence[TrueUpPart] = (),
) -> BooksOfPeriod:
    """The books of a period: its own rows, and the corrections of it that later periods carry.

    `parts`: those of the true-up that `reconcile` set, not one entered by hand.
    """
    given = {
        "own": str(own),
        # Its own file has no corrections of itself; it stands for "none", of which DuckDB cannot read.
        "later": [str(path) for path in later] or [str(own)],
        "period": period,
    }
    with _open(own.parent) as engine:
        rows = engine.run("booked sums", {**given, "elsewhere": list(_ELSEWHERE)})
        charged = engine.run("trued up", {**given, "kind": CostKind.TRUE_UP.value})
    trued_up = {cost_id: cost for cost_id, cost in charged if not is_part(cost_id, period, parts)}
    prices = skus_of_prices(catalogue)
    bookings = [booked(row, prices, catalogue, meters) for row in rows]
    usage = [_used(row, catalogue) for row in rows]
    skus: dict[Sku, dict[Sku, None]] = {}
    for booking, used in zip(bookings, usage, strict=True):
        skus.setdefault(booking.sku, {})[used.sku] = None
    of_calls = [used for booking, used in zip(bookings, usage, strict=True) if booking.sku != CAPACITY]
    return BooksOfPeriod(bookings, of_calls, {sku: tuple(members) for sku, members in skus.items()}, trued_up)


def _used(row: Sequence[Any], catalogue: Catalogue) -> DirectUsage:
    _, _, backend, deployment, model, deployment_type, tier, variant, meter, _, _, quantity, contracted, *_ = row
    return DirectUsage(
        "", catalogue.account(backend), deployment, deployment_type, model, ZERO, 0, 0, 0, 0,
        tier, variant, meter, quantity, contracted,
    )  # fmt: skip


def read_carried(own: Path) -> dict[tuple[str, str], Decimal]:
    """The corrections that a period carries at contracted prices, by the closed period and that one's currency."""
    with _open(own.parent) as engine:
        rows = engine.run("carried corrections", {"own": str(own), "elsewhere": list(_ELSEWHERE)})
    return {(period, currency): cost for period, currency, cost in rows}


def _open(folder: Path) -> Engine:
    return open_engine("chargeback.services.reconciling", spill=folder / "spill", memory_limit_mb=_MEMORY_MB)


def booked(row: Sequence[Any], prices: dict[str, Sku], catalogue: Catalogue, meters: ProviderMeters) -> Booked:
    """A row of the sums in the form that is compared with the invoice."""
    day, resource, backend, deployment, model, deployment_type, tier, variant, meter, price_id, rate, *amounts = row
    quantity, cost, unpriced, unmapped, estimated, unsettled = amounts
    if meter in _CAPACITY:
        return Booked(NO_DAY, "", CAPACITY, cost=cost, rate=rate)
    if price_id in prices:
        sku = prices[price_id]
    else:
        place = catalogue.deployment(backend, deployment, catalogue.calendar.midnight(day))
        name = without_snapshot(model) if model else place.model if place else ""
        sku = Sku(name, deployment_type, normal_tier(tier), variant, BILLED_AS.get(meter, meter))
    if price_id == PROVISIONED_PRICE or (meter == Meter.REQUESTS and not price_id):
        quantity = unpriced = unmapped = estimated = ZERO  # costs nothing by itself: not on the invoice
    return Booked(
        day, resource, meters.billed_as(sku), quantity, cost, unpriced, unmapped, estimated, unsettled,
        (price_id,) if price_id else (), rate,
    )  # fmt: skip
