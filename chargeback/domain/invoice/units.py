"""How many units of our meter a pricing unit of the provider stands for, such as "1K", "1M" or "1 Hour"."""

import re
from collections.abc import Collection
from decimal import Decimal

from chargeback.domain.money.exact import EXACT
from chargeback.domain.usage.meters import Meter

_BLOCK = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMB]?)(?=$|[\s/])", re.I)
_BLOCKS = {"": Decimal(1), "K": Decimal(1000), "M": Decimal(10**6), "B": Decimal(10**9)}
_SECONDS = {"second": Decimal(1), "minute": Decimal(60), "hour": Decimal(3600)}
_TIME = re.compile(r"\b(hour|month|year|day)s?\b", re.I)


def meter_quantity(
    quantity: Decimal | None, block: Decimal | None, units: tuple[str, str], meter: str
) -> Decimal | None:
    """A pricing quantity in units of our meter; None where the unit is not known well enough.

    `block`: how many usage units a pricing unit has, where the provider says so in a column of its own.
    `units`: the pricing unit as it stands, such as `1K`, and its plain form, such as `Units`.
    """
    factor = block if block else block_size(units[0])
    if quantity is None or factor is None:
        return None
    if meter in (Meter.AUDIO_SECONDS, Meter.TRAINING_TIME):
        seconds = next((size for name, size in _SECONDS.items() if name in " ".join(units).casefold()), None)
        if seconds is None:
            return None
        factor = EXACT.multiply(factor, seconds)
    return EXACT.multiply(quantity, factor)


def block_size(unit: str) -> Decimal | None:
    """The number at the beginning of a unit: 1000 of `1K`, 10 of `10 Hours`; None where there is none."""
    match = _BLOCK.match(unit)
    return EXACT.multiply(Decimal(match[1]), _BLOCKS[match[2].upper()]) if match else None


def is_capacity(category: str, units: tuple[str, str], name: str, words: Collection[str]) -> bool:
    """Whether a charge was paid in advance, or is for the hours of what `words` of its meter's name say.

    Sound and reinforcement training are charged by the hour, too, so the unit alone does not tell.
    """
    by_time = any(_TIME.search(unit) for unit in units)
    return category == "Purchase" or (by_time and any(word in name.casefold() for word in words))
