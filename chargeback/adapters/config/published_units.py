"""Turns prices from the units in which they are published into the exact price of 1 000 000 units."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from chargeback.adapters.config.decimals import is_decimal
from chargeback.domain.money.exact import EXACT, PRICE_DECIMALS, to_text
from chargeback.domain.usage.meters import UNITS, Meter

PRICE_UNITS = {
    "perMillion": Fraction(1),
    "perThousand": Fraction(1_000),
    "perUnit": Fraction(1_000_000),
    "perMinute": Fraction(1_000_000, 60),
    "perHour": Fraction(1_000_000, 3_600),
}
"""Field of an entry → what its price is multiplied with; a minute and an hour are of seconds."""

_BY_TIME = {"perMinute", "perHour"}
_METERS = {meter.value for meter in Meter if meter is not Meter.UNKNOWN}

Published = Mapping[str, Mapping[str, Any] | None]
"""Field of an entry → meter → quoted decimal."""


def prices_per_million(published: Published) -> Iterator[tuple[Meter, Decimal]]:
    """Each meter's price per million; the prices must be without faults."""
    for unit, prices in published.items():
        for name, amount in (prices or {}).items():
            yield Meter(name), _exact(unit, amount)


def unit_faults(published: Published) -> Iterator[str]:
    """What is wrong with the prices, each with its place in the entry."""
    if not any(published.values()):
        yield f"perMillion: names no meter; prices stand under {', '.join(PRICE_UNITS)}"
    seen: set[str] = set()
    for unit, prices in published.items():
        for name, amount in (prices or {}).items():
            if fault := _fault(unit, name, amount):
                yield f"{unit}.{name}: {fault}"
            elif name in seen:
                yield f"{unit}.{name}: has a price in two units"
            seen.add(name)


def _fault(unit: str, name: str, amount: Any) -> str:
    if name not in _METERS:
        return f"no such meter; there are {', '.join(Meter)}"
    if unit in _BY_TIME and UNITS[Meter(name)] != "seconds":
        return f"only {Meter.AUDIO_SECONDS} and {Meter.TRAINING_TIME} have a price by time"
    if not is_decimal(amount, places=12):
        return f'{amount!r} is not a quoted decimal of at most 12 places, such as "2.50"'
    try:
        _exact(unit, amount)
    except ValueError as error:
        return str(error)
    return ""


def _exact(unit: str, amount: str) -> Decimal:
    """Raises ValueError where a price per million has more than 12 decimals.

    A price by time is rounded there, half to even: a second is the 3 600th part of what is published.
    """
    if unit == "perMillion":
        return Decimal(amount)
    scaled = Fraction(amount) * PRICE_UNITS[unit] * 10**PRICE_DECIMALS
    if scaled.denominator != 1 and unit not in _BY_TIME:
        raise ValueError(
            f"{amount!r} is not a price per million of at most {PRICE_DECIMALS} places: give it perMillion"
        )
    return Decimal(to_text(EXACT.scaleb(Decimal(round(scaled)), -PRICE_DECIMALS)))
