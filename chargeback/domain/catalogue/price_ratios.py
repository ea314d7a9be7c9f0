"""Which list prices break the usual proportions of the provider's price list, or are missing where others have one."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chargeback.domain.catalogue.prices import LONG_CONTEXT, Dated, Price, PriceKey, price_at
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.money.exact import to_text
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.tiers import DEFAULT_TIER

_TEXT = (Meter.INPUT, Meter.OUTPUT)
_BATCH_OF = {
    DeploymentType.GLOBAL_BATCH: DeploymentType.GLOBAL_STANDARD,
    DeploymentType.DATA_ZONE_BATCH: DeploymentType.DATA_ZONE_STANDARD,
}
_CACHED = {
    Meter.CACHED_INPUT: Meter.INPUT,
    Meter.CACHED_AUDIO: Meter.INPUT_AUDIO,
    Meter.CACHED_IMAGE: Meter.INPUT_IMAGE,
}
_ROUNDED = Decimal("0.02")
"""Azure rounds prices to three or four places, so that a half may be some percent more or less."""


class Ratio(NamedTuple):
    """The proportion of a price to another one, in Azure's list (captures of 2025-08-25 to 2026-10-09)."""

    said: str
    least: Decimal
    most: Decimal


_HALF = Ratio("half of", Decimal("0.5"), Decimal("0.5"))
_PRIORITY = Ratio("1.5 to 2.6 times", Decimal("1.5"), Decimal("2.6"))
_LONG_INPUT = Ratio("twice", Decimal(2), Decimal(2))
_LONG_OUTPUT = Ratio("1.5 times", Decimal("1.5"), Decimal("1.5"))
_WRITTEN = Ratio("1.25 times", Decimal("1.25"), Decimal("1.25"))
_IN_A_ZONE = Ratio("1 to 1.2 times", Decimal(1), Decimal("1.2"))
_NO_MORE = Ratio("at most", Decimal(0), Decimal(1))

Priced = Mapping[PriceKey, Price]


def oddities(prices: Mapping[PriceKey, Dated], now: datetime) -> Iterator[tuple[Price, str]]:
    """Prices in force that are out of proportion, or lack a companion price that similar ones have."""
    priced = {key: price for key, dated in prices.items() if (price := price_at(dated, now)) is not None}
    for key, price in priced.items():
        for other, ratio in _expected(key):
            if other in priced and not _keeps(price, priced[other], ratio):
                yield price, f"is not {ratio.said} {to_text(priced[other].list_per_million)}, {priced[other].price_id}"
        yield from ((price, reason) for reason in _holes(key, priced))


def _expected(key: PriceKey) -> Iterator[tuple[PriceKey, Ratio]]:
    """The prices that this one is compared with, each with the expected ratio."""
    if key.deployment_type in _BATCH_OF and key.meter in _TEXT:
        yield key._replace(deployment_type=_BATCH_OF[key.deployment_type]), _HALF
    if key.service_tier == "flex" and key.meter in _TEXT:
        yield key._replace(service_tier=DEFAULT_TIER), _HALF
    if key.service_tier == "priority" and key.meter in _TEXT:
        yield key._replace(service_tier=DEFAULT_TIER), _PRIORITY
    if key.variant == LONG_CONTEXT and key.meter in _TEXT:
        yield key._replace(variant=""), _LONG_INPUT if key.meter is Meter.INPUT else _LONG_OUTPUT
    if key.meter is Meter.CACHE_WRITE:
        yield key._replace(meter=Meter.INPUT), _WRITTEN
    if key.deployment_type is DeploymentType.DATA_ZONE_STANDARD:
        yield key._replace(deployment_type=DeploymentType.GLOBAL_STANDARD, region=""), _IN_A_ZONE
    if key.meter in _CACHED:
        yield key._replace(meter=_CACHED[key.meter]), _NO_MORE


def _keeps(price: Price, other: Price, ratio: Ratio) -> bool:
    amount, base = price.list_per_million, other.list_per_million
    slack = base * _ROUNDED
    return base * ratio.least - slack <= amount <= base * ratio.most + slack


def _holes(key: PriceKey, priced: Priced) -> Iterator[str]:
    """Meters that the plain price of a model has but its tier or long context lacks: such calls would be unpriced."""
    plain = key._replace(service_tier=DEFAULT_TIER, variant="")
    if key == plain or key.meter is not Meter.INPUT:
        return
    for meter in (Meter.CACHED_INPUT, Meter.CACHE_WRITE, Meter.OUTPUT):
        if plain._replace(meter=meter) in priced and key._replace(meter=meter) not in priced:
            yield f"has no {meter}, which the plain price has"
