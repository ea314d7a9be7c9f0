"""Exact money: decimals that never round by themselves, and the one rounding that reports do."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation

EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, DivisionByZero])
"""Arithmetic that raises instead of losing a digit: 60 digits hold any cost of this product."""

_ROUNDING = Context(prec=60, traps=[InvalidOperation])
"""For the one rounding: as many digits, but losing some is its purpose."""

ZERO = Decimal(0)
PER_MILLION = Decimal("0.000001")

PRICE_DECIMALS = 12
"""The most decimals of a price per million units, so that a cost has at most 18."""


def cost(quantity: int, per_million: Decimal) -> Decimal:
    """What `quantity` units cost at a price per 1 000 000 units, exactly."""
    return EXACT.multiply(EXACT.multiply(quantity, per_million), PER_MILLION)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    result = ZERO
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def to_text(amount: Decimal) -> str:
    """Digits with a decimal point and neither exponent nor superfluous zeros: `0.0025`, `12`, `0`."""
    text = format(amount or ZERO, "f")  # zero has no sign
    return text.rstrip("0").rstrip(".") if "." in text else text


def round_to_total(amounts: Sequence[Decimal], target: Decimal, decimals: int) -> list[Decimal]:
    """Round every amount to `decimals` places so that the results sum to `target`, by largest remainder.

    `target` must itself have at most `decimals` places and lie between the sums of all amounts rounded down and
    rounded up; equal remainders are served in the order given. Raises ValueError otherwise.
    """
    unit = Decimal(1).scaleb(-decimals)
    floors = [amount.quantize(unit, ROUND_FLOOR, _ROUNDING) for amount in amounts]
    missing = EXACT.divide(EXACT.subtract(target, total(floors)), unit)
    remainders = [EXACT.subtract(amount, floor) for amount, floor in zip(amounts, floors, strict=True)]
    if missing != int(missing) or not 0 <= missing <= sum(map(bool, remainders)):
        raise ValueError(f"{target} cannot be reached by rounding {len(amounts)} amounts to {decimals} places")
    order = sorted(range(len(amounts)), key=remainders.__getitem__, reverse=True)
    for index in order[: int(missing)]:
        floors[index] = EXACT.add(floors[index], unit)
    return floors


def round_total(amount: Decimal, decimals: int) -> Decimal:
    """A grand total as it is printed: half to even at `decimals` places."""
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN, _ROUNDING)
