"""What a line costs and who pays: each hour's quantities at the price in force in that hour, exactly."""

from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from msgspec.structs import replace

from chargeback.domain.catalogue.catalogue import Catalogue, PricesOfDay
from chargeback.domain.catalogue.prices import Price
from chargeback.domain.money.exact import ZERO, cost
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord
from chargeback.domain.time.days import BookDate, UtcDay, hour_starts
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import INPUTS, Meter, Quantities, quantity_of
from chargeback.domain.usage.speech import SPEECH, TOKENS
from chargeback.domain.usage.states import LineState

_PLACE = {meter: place for place, meter in enumerate(Meter)}.__getitem__
"""Meter → where its charge stands among those of a part."""

_PICODOLLARS = Decimal(10**6)
"""A price per million units times this is picodollars per unit."""


def rate(day: UtcDay, line: Line, hours: Mapping[int, Quantities], in_force: EffectiveCatalogues) -> UsageRecord:
    """The record of what a line counted in each UTC hour (0 to 23) of a day, rated by what is in force in that hour."""
    place = in_force.deployment(line, hour_starts(day)[min(hours, default=0)])
    if place is not None and place.is_router:
        hours = {hour: _routed(counted) for hour, counted in hours.items()}
    return UsageRecord(
        day=day,
        line=line,
        hours=hours,
        currency=in_force.current.currency,
        deployment_type=place.type.value if place else "",
        region=place.region if place else "",
        parts=tuple(
            RecordPart(*key, _charges(line, counted, in_force.prices_of_line(line, day, key[1])))
            for key, counted in _by_part(line, day, hours, in_force).items()
        ),
    )


def _routed(counted: Quantities) -> Quantities:
    routed = quantity_of(counted, Meter.ROUTER)
    return {**counted, Meter.ROUTER: routed} if routed else counted


def _by_part(
    line: Line, day: UtcDay, hours: Mapping[int, Quantities], in_force: EffectiveCatalogues
) -> dict[tuple[BookDate, str, str], Mapping[int, Quantities]]:
    """The hours by (date, cost centre, rule), by time."""
    by_hour = in_force.hours(day)
    if by_hour[0] == by_hour[-1]:  # nothing changes within the day, as on nearly all
        date, rules = by_hour[0]
        return {(date, *rules.cost_centre(line)): hours} if hours else {}
    found: dict[tuple[BookDate, str, str], dict[int, Quantities]] = {}
    for hour in sorted(hours):
        date, rules = by_hour[hour]
        found.setdefault((date, *rules.cost_centre(line)), {})[hour] = hours[hour]
    return dict(found)


def _charges(line: Line, hours: Mapping[int, Quantities], prices: PricesOfDay) -> tuple[Charge, ...]:
    if line.operation == SPEECH and any(Meter.CHARACTERS in counted for counted in hours.values()):
        return _charges_of_speech(line.state, hours, prices)
    return tuple(_charges_of(line.state, hours, prices))


def _charges_of_speech(state: LineState, hours: Mapping[int, Quantities], prices: PricesOfDay) -> tuple[Charge, ...]:
    """The charges of speech, which has characters and estimated tokens: only those with a price are charged."""
    by_token = any(prices(Meter.OUTPUT_AUDIO))
    if by_token and not any(prices(Meter.CHARACTERS)):
        found = _charges_of(state, hours, prices, without=(Meter.CHARACTERS,))
        return tuple(_estimated(charge) if charge.meter in TOKENS else charge for charge in found)
    return tuple(_charges_of(state, hours, prices, without=TOKENS))


def _estimated(charge: Charge) -> Charge:
    """A charge whose quantity is a guess, though the line's other quantities are known."""
    return charge if charge.state is LineState.UNPRICED else replace(charge, state=LineState.ESTIMATED)


def _charges_of(
    state: LineState, hours: Mapping[int, Quantities], prices: PricesOfDay, *, without: Container[Meter] = ()
) -> Iterator[Charge]:
    whole = _whole(hours)
    for meter in sorted(whole, key=_PLACE):
        if whole[meter] and meter not in without:
            of_day = prices(meter)
            if of_day.count(of_day[0]) == len(of_day):  # nothing changes within the day, as on nearly all
                yield _charge(meter, of_day[0], whole[meter], state)
            else:
                for price, quantity in _by_price(meter, hours, of_day):
                    yield _charge(meter, price, quantity, state)


def _whole(hours: Mapping[int, Quantities]) -> Quantities:
    """The quantities of all hours together."""
    if len(hours) == 1:  # as for most lines
        return next(iter(hours.values()))
    whole: Quantities = {}
    for quantities in hours.values():
        for meter, quantity in quantities.items():
            whole[meter] = whole.get(meter, 0) + quantity
    return whole


def _by_price(
    meter: Meter, hours: Mapping[int, Quantities], prices: tuple[Price | None, ...]
) -> list[tuple[Price | None, int]]:
    """The quantity of a meter at each of its prices, by the hour in which each price first applied."""
    found: dict[tuple[str, Decimal] | None, tuple[Price | None, int]] = {}
    for hour, counted in sorted(hours.items()):
        if quantity := counted.get(meter, 0):
            price = prices[hour]
            # What a frozen catalogue lacks may have another price under the same id in the current one.
            name = (price.price_id, price.per_million) if price else None
            found[name] = price, quantity + found.get(name, (None, 0))[1]
    return list(found.values())


@lru_cache(maxsize=16_384)
def picodollars_per_unit(line: Line, hour: datetime, catalogue: Catalogue, payer: str = "") -> dict[Meter, int]:
    """What one unit of each priced meter costs a cost centre, in 10**-12 of the card's currency, half to even.

    For budgets. The result is shared between callers: read it, do not change it.
    """
    found = ((meter, catalogue.find_price(line, meter, hour, payer)) for meter in Meter)
    prices = {meter: price.per_million for meter, price in found if price}
    fee = prices.pop(Meter.ROUTER, ZERO)
    for meter in INPUTS:
        if meter in prices:
            prices[meter] += fee
    return {
        meter: int((per_million * _PICODOLLARS).to_integral_value(ROUND_HALF_EVEN))
        for meter, per_million in prices.items()
    }


def _charge(meter: Meter, price: Price | None, quantity: int, state: LineState) -> Charge:
    """The meter `requests` is free unless the rate card prices it; every other one without a price is unpriced."""
    if price is not None:
        return Charge(
            meter=meter,
            quantity=quantity,
            state=state,
            per_million=price.per_million,
            list_per_million=price.list_per_million,
            contracted_per_million=price.contracted_per_million,
            price_id=price.price_id,
            cost=cost(quantity, price.per_million),
        )
    is_free = meter is Meter.REQUESTS
    # What a stream costs is not known before its tokens are, so it is not zero either.
    known = ZERO if is_free and state != LineState.UNSETTLED else None
    return Charge(meter, quantity, state if is_free else LineState.UNPRICED, None, None, None, "", known)
