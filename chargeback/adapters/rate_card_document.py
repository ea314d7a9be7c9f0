"""The rate card as a document: one entry of versions, deployment types and meters becomes many prices."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise, product
from typing import Any

from chargeback.adapters.adjustments_document import adjustments
from chargeback.adapters.effective import in_utc, time_faults
from chargeback.adapters.records import Record, each, sections
from chargeback.domain.adjustments import Adjustment, adjusted
from chargeback.domain.catalogue import ANY, DEFAULT_TIER, TIERS, Dated, DeploymentType, Price, PriceKey
from chargeback.domain.meters import Meter

_DECIMAL = re.compile(r"\d{1,12}(\.\d{1,6})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_METERS = {meter.value for meter in Meter}


class _Entry(Record, frozen=True):
    provider: str
    model: str
    deployment_types: list[DeploymentType]
    effective_from: datetime
    source: str
    per_million: dict[str, Any]
    versions: list[str] | None = None
    service_tier: str = DEFAULT_TIER
    regions: list[str] | None = None
    variant: str = ""
    effective_to: datetime | None = None


def rate_card(document: object, faults: list[str]) -> tuple[str, dict[PriceKey, Dated]]:
    """Currency and prices by key, each key's prices by time; what is wrong is appended to `faults`."""
    top = sections(document, ("currency", "prices"), faults, optional=("adjustments",))
    currency = str(top["currency"])
    if not _CURRENCY.fullmatch(currency):
        faults.append(f"currency: {currency!r} is not an ISO 4217 code such as USD")
    found: dict[PriceKey, list[tuple[str, Price]]] = {}
    for place, entry in each(top["prices"], _Entry, "prices", faults):
        wrong = [*time_faults(entry.effective_from, entry.effective_to), *_name_faults(entry), *_amount_faults(entry)]
        faults.extend(f"{place}.{fault}" for fault in wrong)
        if not wrong:
            for key, price in _prices(entry, currency):
                found.setdefault(key, []).append((place, price))
    listed = {key: _by_time(prices, faults) for key, prices in found.items()}
    agreed = adjustments(top["adjustments"], faults) if top["adjustments"] is not None else []
    return currency, listed if faults else _agreed(listed, agreed, faults)


def _agreed(
    listed: dict[PriceKey, Dated], agreed: list[tuple[str, Adjustment]], faults: list[str]
) -> dict[PriceKey, Dated]:
    """List prices with what was agreed; an agreement that does nothing is a misspelt one."""
    result = adjusted(listed, [adjustment for _, adjustment in agreed])
    faults.extend(
        f"{place}.id: {adjustment.id} changes no price: none is for it at its time, or an earlier adjustment decides"
        for place, adjustment in agreed
        if adjustment.id not in result.used
    )
    return result.prices


def _prices(entry: _Entry, currency: str) -> Iterator[tuple[PriceKey, Price]]:
    model, tier, variant = entry.model.casefold(), entry.service_tier, entry.variant
    each_of = (entry.versions or [ANY], entry.deployment_types, entry.regions or [ANY], entry.per_million.items())
    for version, deployment_type, region, (meter, amount) in product(*each_of):
        key = PriceKey(entry.provider, model, version, deployment_type, tier, region, variant, Meter(meter))
        yield key, _price(key, entry, Decimal(amount), currency)


def _price(key: PriceKey, entry: _Entry, amount: Decimal, currency: str) -> Price:
    kind = (key.provider, key.model, key.version or "any", key.deployment_type, key.service_tier)
    parts = [*kind, *filter(None, (key.region, key.variant)), key.meter]
    price_id = f"{'/'.join(parts)}@{entry.effective_from.astimezone(UTC):%Y-%m-%dT%HZ}"
    return Price(
        price_id,
        key.meter,
        *(amount, amount, amount),
        currency,
        entry.effective_from.astimezone(UTC),
        in_utc(entry.effective_to),
        entry.source,
    )


def _by_time(prices: list[tuple[str, Price]], faults: list[str]) -> Dated:
    prices.sort(key=lambda item: item[1].effective_from)
    for (earlier_place, earlier), (place, later) in pairwise(prices):
        if earlier.effective_to is None or earlier.effective_to > later.effective_from:
            faults.append(f"{place}.effectiveFrom: {later.price_id} overlaps {earlier.price_id} of {earlier_place}")
    return tuple(price for _, price in prices)


def _name_faults(entry: _Entry) -> Iterator[str]:
    for name, value in (("provider", entry.provider), ("model", entry.model), ("source", entry.source)):
        if not value.strip():
            yield f"{name}: is empty"
    for name, values in _lists(entry):
        if values is not None and (not values or not all(values) or len(set(values)) < len(values)):
            yield f"{name}: names none, an empty one, or one twice"
    if entry.service_tier not in TIERS:
        yield f"serviceTier: {entry.service_tier!r} is not one of {', '.join(TIERS)}"


def _lists(entry: _Entry) -> tuple[tuple[str, Sequence[str] | None], ...]:
    return ("versions", entry.versions), ("deploymentTypes", entry.deployment_types), ("regions", entry.regions)


def _amount_faults(entry: _Entry) -> Iterator[str]:
    if not entry.per_million:
        yield "perMillion: names no meter"
    for name, amount in entry.per_million.items():
        if name not in _METERS:
            yield f"perMillion.{name}: no such meter; there are {', '.join(Meter)}"
        elif not isinstance(amount, str) or not _DECIMAL.fullmatch(amount):
            yield f'perMillion.{name}: {amount!r} is not a quoted decimal of at most 6 places, such as "2.50"'
