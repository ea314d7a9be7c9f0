"""The rate card as a document: one entry of versions, deployment types and meters becomes many prices."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

from chargeback.adapters.adjustments_document import adjustments
from chargeback.adapters.effective import in_utc, time_faults
from chargeback.adapters.hosting_document import hosting_rates
from chargeback.adapters.in_order import in_order
from chargeback.adapters.published_units import PER_MILLION, Published, per_million, unit_faults
from chargeback.adapters.records import Record, each, sections
from chargeback.domain.adjustments import Adjustment, adjusted
from chargeback.domain.catalogue import PROVISIONED, Dated, DeploymentType, Price, PriceKey
from chargeback.domain.hosting import Hosting
from chargeback.domain.meters import TOOLS
from chargeback.domain.plausibility import doubts, far_from_list
from chargeback.domain.served import ANY
from chargeback.domain.tiers import DEFAULT_TIER, TIERS

_CURRENCY = re.compile(r"[A-Z]{3}")
_TOOLS = " and ".join(", ".join(sorted(TOOLS)).rsplit(", ", 1))


class _Entry(Record, frozen=True):
    provider: str
    deployment_types: list[DeploymentType]
    effective_from: datetime
    source: str
    model: str | None = None
    per_million: dict[str, Any] | None = None
    per_thousand: dict[str, Any] | None = None
    per_unit: dict[str, Any] | None = None
    per_minute: dict[str, Any] | None = None
    per_hour: dict[str, Any] | None = None
    versions: list[str] | None = None
    service_tier: str = DEFAULT_TIER
    regions: list[str] | None = None
    variant: str = ""
    effective_to: datetime | None = None

    @property
    def published(self) -> Published:
        """Its prices by the field that says their unit."""
        amounts = self.per_million, self.per_thousand, self.per_unit, self.per_minute, self.per_hour
        return dict(zip(PER_MILLION, amounts, strict=True))

    @property
    def is_for_tools(self) -> bool:
        """Whether its meters are those of tools only, whose prices may be for every model."""
        return all(name in TOOLS for amounts in self.published.values() for name in amounts or ())


@dataclass(frozen=True, slots=True)
class RateCard:
    """What the document says: currency, prices by key and time, and hosting rates."""

    currency: str
    prices: dict[PriceKey, Dated]
    hosting: Hosting


Found = dict[PriceKey, list[tuple[str, Price]]]
"""The prices of each key, with their places."""


def rate_card(document: object, faults: list[str], *, thorough: bool = False) -> RateCard:
    """The card; what is wrong is appended to `faults`.

    `thorough` also looks for gaps and implausible prices: right for files, but a stored card has to stay readable.
    """
    top = sections(document, ("currency", "prices"), faults, optional=("adjustments", "hosting"))
    currency = str(top["currency"])
    if not _CURRENCY.fullmatch(currency):
        faults.append(f"currency: {currency!r} is not an ISO 4217 code such as USD")
    found = _found(top["prices"], currency, faults)
    listed = {
        key: in_order(prices, lambda price: price.price_id, faults, gaps=thorough) for key, prices in found.items()
    }
    if thorough:
        faults.extend(_doubts(listed, found))
    hosting = hosting_rates(top["hosting"] or [], currency, faults, thorough=thorough)
    agreed = adjustments(top["adjustments"] or [], faults)
    return RateCard(currency, listed if faults else _agreed(listed, agreed, faults, thorough=thorough), hosting)


def _found(document: object, currency: str, faults: list[str]) -> Found:
    found: Found = {}
    for place, entry in each(document, _Entry, "prices", faults):
        wrong = [
            *time_faults(entry.effective_from, entry.effective_to),
            *_name_faults(entry),
            *unit_faults(entry.published),
        ]
        faults.extend(f"{place}.{fault}" for fault in wrong)
        if not wrong:
            for key, price in _prices(entry, currency):
                found.setdefault(key, []).append((place, price))
    return found


def _doubts(listed: dict[PriceKey, Dated], found: Found) -> Iterator[str]:
    places = {price.price_id: place for prices in found.values() for place, price in prices}
    priced = ((places[listed[key][0].price_id], key.deployment_type) for key in listed if key.meter not in TOOLS)
    for place, kind in dict.fromkeys(priced):
        if kind in PROVISIONED:
            yield f"{place}.deploymentTypes: {kind} is paid by the hour in shared-costs.yaml; its tokens have no price"
    for price, reason in doubts(listed):
        yield f"{places[price.price_id]}: {price.price_id}: {reason}"


def _agreed(
    listed: dict[PriceKey, Dated], agreed: list[tuple[str, Adjustment]], faults: list[str], *, thorough: bool
) -> dict[PriceKey, Dated]:
    """List prices with what was agreed; an agreement that does nothing is a misspelt one."""
    result = adjusted(listed, [adjustment for _, adjustment in agreed])
    faults.extend(
        f"{place}.id: {adjustment.id} changes no price: none is for it at its time, or an earlier adjustment decides"
        for place, adjustment in agreed
        if adjustment.id not in result.used
    )
    if thorough:
        places = {adjustment.stamp: place for place, adjustment in agreed if adjustment.contracted}
        faults.extend(
            f"{places[stamp]}.contractedPerMillion.{price.meter}: {reason}, the list price of {price.price_id}"
            for price, reason in far_from_list(result.prices)
            for stamp in price.adjustments
            if stamp in places
        )
    return result.prices


def _prices(entry: _Entry, currency: str) -> Iterator[tuple[PriceKey, Price]]:
    model, tier, variant = (entry.model or ANY).casefold(), entry.service_tier, entry.variant
    each_of = (entry.versions or [ANY], entry.deployment_types, entry.regions or [ANY], per_million(entry.published))
    for version, deployment_type, region, (meter, amount) in product(*each_of):
        key = PriceKey(entry.provider, model, version, deployment_type, tier, region, variant, meter)
        yield key, _price(key, entry, amount, currency)


def _price(key: PriceKey, entry: _Entry, amount: Decimal, currency: str) -> Price:
    kind = (key.provider, key.model or "any", key.version or "any", key.deployment_type, key.service_tier)
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


def _name_faults(entry: _Entry) -> Iterator[str]:
    for name, value in (("provider", entry.provider), ("model", entry.model), ("source", entry.source)):
        if value is not None and not value.strip():
            yield f"{name}: is empty"
    if entry.model is None and not entry.is_for_tools:
        yield f"model: is missing; only {_TOOLS} may have a price for every model"
    for name, values in _lists(entry):
        if values is not None and (not values or not all(values) or len(set(values)) < len(values)):
            yield f"{name}: names none, an empty one, or one twice"
    if entry.service_tier not in TIERS:
        yield f"serviceTier: {entry.service_tier!r} is not one of {', '.join(TIERS)}"


def _lists(entry: _Entry) -> tuple[tuple[str, Sequence[str] | None], ...]:
    return ("versions", entry.versions), ("deploymentTypes", entry.deployment_types), ("regions", entry.regions)
