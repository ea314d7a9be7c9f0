"""What a line costs: each hour's quantities at the price in force in that hour, exactly."""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.prices import Price
from chargeback.domain.deployments.deployment import Deployment
from chargeback.domain.money.exact import ZERO, cost, total
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.time.days import BookDate, UtcDay, start_of
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import INPUTS, Meter, Quantities, quantity_of
from chargeback.domain.usage.speech import SPEECH, TOKENS

PricesOfDay = Callable[[Meter], tuple[Price | None, ...]]
"""Meter → its price in each UTC hour of a day."""

_PICODOLLARS = Decimal(10**6)
"""A price per million units times this is picodollars per unit."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A quantity of one meter at one price; no price and no cost = unpriced.

    The meter `requests` is free unless the rate card prices it: no price, but a cost of zero.

    Attributes:
        estimated: whether the quantity is a guess, though the line's other quantities are known.
    """

    meter: Meter
    quantity: int
    price: Price | None
    cost: Decimal | None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class RatedPart:
    """What a line's hours of one date in the books cost, and who pays for them by which rule."""

    date: BookDate
    cost_centre: str
    rule: str
    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True)
class Rated:
    """A line with its money: its parts by time, nearly always one, and where it ran in its first hour.

    Attributes:
        hours: what was counted in each hour, with what a router takes its fee on.
    """

    parts: tuple[RatedPart, ...]
    deployment: Deployment | None
    hours: Mapping[int, Quantities]

    @property
    def charges(self) -> tuple[Charge, ...]:
        """The charges of every part."""
        return tuple(charge for part in self.parts for charge in part.charges)

    @property
    def cost(self) -> Decimal:
        """The sum of what is priced."""
        return total([charge.cost for charge in self.charges if charge.cost is not None])

    @property
    def unpriced(self) -> bool:
        """Whether any meter has no price."""
        return any(charge.cost is None for charge in self.charges)


def rate(line: Line, day: UtcDay, hours: Mapping[int, Quantities], in_force: EffectiveCatalogues) -> Rated:
    """Rate the quantities that a line counted in each UTC hour (0 to 23) of a day (YYYY-MM-DD)."""
    first = start_of(day) + timedelta(hours=min(hours, default=0))
    deployment = in_force.deployment(line, first)
    if deployment is not None and deployment.is_router:
        hours = {hour: _routed(counted) for hour, counted in hours.items()}
    parts = tuple(
        RatedPart(*key, _charges(line.operation, counted, _prices(line, day, key[1], in_force)))
        for key, counted in _by_part(line, day, hours, in_force).items()
    )
    return Rated(parts, deployment, hours)


def _prices(line: Line, day: UtcDay, cost_centre: str, in_force: EffectiveCatalogues) -> PricesOfDay:
    return lambda meter: in_force.prices_of_day(line, meter, day, cost_centre)


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


def _charges(operation: str, hours: Mapping[int, Quantities], prices: PricesOfDay) -> tuple[Charge, ...]:
    if operation == SPEECH and any(Meter.CHARACTERS in counted for counted in hours.values()):
        return _charges_of_speech(hours, prices)
    return tuple(_charges_of(hours, prices))


def _charges_of_speech(hours: Mapping[int, Quantities], prices: PricesOfDay) -> tuple[Charge, ...]:
    """Speech is counted in characters, and in tokens that are estimated: what has a price is charged, not both."""
    by_token = any(prices(Meter.OUTPUT_AUDIO))
    if by_token and not any(prices(Meter.CHARACTERS)):
        found = _charges_of(hours, prices, without=(Meter.CHARACTERS,))
        return tuple(replace(charge, estimated=charge.meter in TOKENS) for charge in found)
    return tuple(_charges_of(hours, prices, without=TOKENS))


def _charges_of(
    hours: Mapping[int, Quantities], prices: PricesOfDay, *, without: Container[Meter] = ()
) -> Iterator[Charge]:
    counted = {meter for quantities in hours.values() for meter in quantities}
    for meter in Meter:
        if meter in counted and meter not in without:
            for price, quantity in _by_price(meter, hours, prices(meter)):
                yield _charge(meter, price, quantity)


def _by_price(
    meter: Meter, hours: Mapping[int, Quantities], prices: tuple[Price | None, ...]
) -> list[tuple[Price | None, int]]:
    """What was counted of a meter at each of its prices, by the hour in which each first applied."""
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


def _charge(meter: Meter, price: Price | None, quantity: int) -> Charge:
    if price is not None:
        return Charge(meter, quantity, price, cost(quantity, price.per_million))
    return Charge(meter, quantity, None, ZERO if meter is Meter.REQUESTS else None)
