"""Which prices of the rate card a meter of the provider stands for, from the reviewed table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import PriceKey
from chargeback.domain.invoice.reconciliation import Sku


@dataclass(frozen=True, slots=True)
class ProviderMeters:
    """The reviewed table as reconciliation uses it.

    Attributes:
        skus: meter id, in lower case → the SKU that it stands for.
        capacity: words in the names of meters that are for time: reserved throughput, hosting; in lower case.
        joined: SKU → the one that stands for it, where the provider has one meter for several of ours.
    """

    skus: Mapping[str, Sku] = field(default_factory=dict)
    joined: Mapping[Sku, Sku] = field(default_factory=dict)
    capacity: tuple[str, ...] = ()

    def billed_as(self, sku: Sku) -> Sku:
        """The SKU under which the provider bills one of ours."""
        return self.joined.get(sku, sku)


def provider_meters(table: Mapping[str, Iterable[PriceKey]], capacity: tuple[str, ...] = ()) -> ProviderMeters:
    """The table from meter id → the prices that it is the source of. Versions and regions of a model share a SKU."""
    joined: dict[Sku, Sku] = {}
    firsts: dict[str, Sku] = {}
    for meter_id, keys in table.items():
        skus = list(dict.fromkeys(sku_of(key) for key in keys))
        if not skus:
            continue
        found = {joined[sku] for sku in skus if sku in joined}
        first = min({skus[0], *found})
        members = [*skus, *(sku for sku, other in joined.items() if other in found)]
        joined |= dict.fromkeys(members, first)
        firsts[meter_id.casefold()] = first
    return ProviderMeters({meter_id: joined[sku] for meter_id, sku in firsts.items()}, joined, capacity)


def sku_of(key: PriceKey) -> Sku:
    """The SKU of a price."""
    return Sku(key.model, key.deployment_type.value, key.service_tier, key.variant, key.meter.value)


def skus_of_prices(catalogue: Catalogue) -> dict[str, Sku]:
    """Price id → SKU, for every entry of a rate card."""
    return {price.price_id: sku_of(key) for key, price in catalogue.every_price()}
