"""How a whole is split into proportions: decimals that sum to exactly 1."""

from collections.abc import Mapping
from decimal import Decimal

from chargeback.domain.money.exact import EXACT

RATIO_DECIMALS = 12

_WHOLE = 10**RATIO_DECIMALS
_PORTION_DECIMALS = 36


def ratios(portions: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Name → its part of the whole, at 12 decimals, by name; nothing where there is no whole.

    Rounded by largest remainder; between equal remainders the first name gets the digit. A portion (at most 36
    decimals) that is zero, negative or too small for a ratio gets none.
    """
    names = sorted(name for name, portion in portions.items() if portion > 0)
    numbers = [int(portions[name].scaleb(_PORTION_DECIMALS, EXACT)) for name in names]
    whole = sum(numbers)
    if not whole:
        return {}
    parts = [number * _WHOLE // whole for number in numbers]
    by_remainder = sorted(range(len(names)), key=lambda index: numbers[index] * _WHOLE % whole, reverse=True)
    for index in by_remainder[: _WHOLE - sum(parts)]:
        parts[index] += 1
    return {name: Decimal(part).scaleb(-RATIO_DECIMALS) for name, part in zip(names, parts, strict=True) if part}
