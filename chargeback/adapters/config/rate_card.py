"""Reads the rate card: one entry with several versions, deployment types and meters becomes many prices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import product

from chargeback.adapters.config.adjustments import adjustments
from chargeback.adapters.config.entries import Sections, each, sections
from chargeback.adapters.config.hosting import HostingEntry, hosting_rates
from chargeback.adapters.config.in_order import in_order
from chargeback.adapters.config.price_entry import PriceEntry, name_faults, place_faults
from chargeback.adapters.config.published_units import prices_per_million, unit_faults
from chargeback.adapters.config.times import effective, moment_at
from chargeback.domain.catalogue.adjustments import Adjustment, adjusted, payers_of
from chargeback.domain.catalogue.hosting import Hosting
from chargeback.domain.catalogue.payers import NO_PAYERS, Payers
from chargeback.domain.catalogue.plausibility import far_from_list, implausible_prices, too_large
from chargeback.domain.catalogue.prices import Dated, Price, PriceKey
from chargeback.domain.deployments.deployment import PROVISIONED
from chargeback.domain.deployments.served_model import ANY
from chargeback.domain.money.currencies import currency_fault
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective, hour_name, is_whole_hour
from chargeback.domain.usage.meters import TOOLS

_IN_UTC = Calendar()


@dataclass(frozen=True, slots=True)
class RateCard:
    """What the document says: currency, prices by key and time, hosting rates, the place of each list price, payers."""

    currency: str
    prices: dict[PriceKey, Dated]
    hosting: Hosting
    places: dict[str, str]
    payers: Payers = NO_PAYERS


Found = dict[PriceKey, list[tuple[str, Price]]]
"""The prices of each key, with their places."""


SECTIONS = Sections(
    {"currency": str, "prices": list[PriceEntry]}, {"hosting": list[HostingEntry]}, earlier=("adjustments",)
)


def rate_card(document: object, faults: list[str], calendar: Calendar = _IN_UTC, *, thorough: bool = False) -> RateCard:
    """The card; what is wrong is appended to `faults`.

    `thorough` also looks for gaps and implausible prices: right for files, but a stored card has to stay readable.
    """
    top = sections(document, SECTIONS, faults)
    currency = str(top["currency"])
    if fault := currency_fault(currency):
        faults.append(f"currency: {fault}")
    found = _found(top["prices"], currency, calendar, faults, thorough=thorough)
    listed = {
        key: in_order(prices, lambda price: price.price_id, faults, gaps=thorough) for key, prices in found.items()
    }
    if thorough:
        faults.extend(_implausible(listed, found))
    hosting = hosting_rates(top["hosting"] or [], currency, calendar, faults, thorough=thorough)
    agreed = adjustments(top["adjustments"] or [], calendar, faults)
    prices, payers = (listed, NO_PAYERS) if faults else _agreed(listed, agreed, faults, thorough=thorough)
    if thorough:
        faults.extend(fault for card in (prices, *payers.prices.values()) for fault in _too_large(card, found))
    return RateCard(currency, prices, hosting, _places(found), payers)


def _found(document: object, currency: str, calendar: Calendar, faults: list[str], *, thorough: bool) -> Found:
    found: Found = {}
    for place, entry in each(document, PriceEntry, "prices", faults):
        wrong: list[str] = []
        time = effective(entry, calendar, place, wrong)
        promised = moment_at(entry.promised_until, calendar, f"{place}.promisedUntil", wrong)
        of_entry = [
            *time.faults(),
            *_promise_faults(promised),
            *name_faults(entry),
            *unit_faults(entry.published),
            *(place_faults(entry) if thorough else ()),
        ]
        wrong += [f"{place}.{fault}" for fault in of_entry]
        faults += wrong
        if not wrong:
            for key, price in _prices(entry, time, promised, currency):
                found.setdefault(key, []).append((place, price))
    return found


def _promise_faults(promised: datetime | None) -> Iterator[str]:
    if promised is not None and not is_whole_hour(promised):
        yield f"promisedUntil: {promised.isoformat()} is not a whole hour in UTC such as 2026-12-01T00:00:00Z"


def _places(found: Found) -> dict[str, str]:
    return {price.price_id: place for prices in found.values() for place, price in prices}


def _implausible(listed: dict[PriceKey, Dated], found: Found) -> Iterator[str]:
    places = _places(found)
    priced = ((places[listed[key][0].price_id], key.deployment_type) for key in listed if key.meter not in TOOLS)
    for place, kind in dict.fromkeys(priced):
        if kind in PROVISIONED:
            yield f"{place}.deploymentTypes: {kind} is paid by the hour in shared-costs.yaml; its tokens have no price"
    for price, reason in implausible_prices(listed):
        yield f"{places[price.price_id]}: {price.price_id}: {reason}"


def _too_large(prices: Mapping[PriceKey, Dated], found: Found) -> Iterator[str]:
    for key, dated in prices.items():
        place, _ = found[key][0]
        yield from (f"{place}: {price.price_id}: {reason}" for price in dated if (reason := too_large(price)))


def _agreed(
    listed: dict[PriceKey, Dated], agreed: list[tuple[str, Adjustment]], faults: list[str], *, thorough: bool
) -> tuple[dict[PriceKey, Dated], Payers]:
    """List prices with what was agreed; an agreement that does nothing is a misspelt one."""
    every = [adjustment for _, adjustment in agreed]
    result = adjusted(listed, [each for each in every if not each.payers])
    payers, used = payers_of(listed, every)
    faults.extend(
        f"{place}.id: {adjustment.id} changes no price: none is for it at its time, or an earlier adjustment decides"
        for place, adjustment in agreed
        if adjustment.id not in used and not adjustment.shared
    )
    if thorough:
        places = {adjustment.stamp: place for place, adjustment in agreed if adjustment.contracted}
        faults.extend(
            f"{places[stamp]}.contractedPerMillion.{price.meter}: {reason}, the list price of {price.price_id}"
            for price, reason in far_from_list(result.prices)
            for stamp in price.adjustments
            if stamp in places
        )
    return result.prices, payers


def _prices(
    entry: PriceEntry, time: Effective, promised: datetime | None, currency: str
) -> Iterator[tuple[PriceKey, Price]]:
    model, tier, variant = (entry.model or ANY).casefold(), entry.service_tier, entry.variant
    places = [*(entry.regions or []), *(entry.zones or [])] or [ANY]
    each_of = (entry.versions or [ANY], entry.deployment_types, places, prices_per_million(entry.published))
    for version, deployment_type, region, (meter, amount) in product(*each_of):
        key = PriceKey(entry.provider, model, version, deployment_type, tier, region, variant, meter)
        yield key, replace(_price(key, entry, amount, currency, time), promised_until=promised)


def _price(key: PriceKey, entry: PriceEntry, amount: Decimal, currency: str, time: Effective) -> Price:
    kind = (key.provider, key.model or "any", key.version or "any", key.deployment_type, key.service_tier)
    parts = [*kind, *filter(None, (key.region, key.variant)), key.meter]
    price_id = f"{'/'.join(parts)}@{hour_name(time.first)}"
    return Price(
        price_id,
        key.meter,
        *(amount, amount, amount),
        currency,
        time,
        entry.source,
        verified=entry.verified,
        observed=entry.observed,
    )
