"""Which amounts of a period rest on prices that neither the provider's list nor an invoice shows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from chargeback.domain.money.exact import EXACT, ZERO, round_total, to_text
from chargeback.domain.money.numerals import bare_amount, said_amount

SHARE_DECIMALS = 4
_PERCENT = Decimal("0.01")


class UnverifiedAmount(msgspec.Struct, frozen=True, rename="camel"):
    """What prices of one kind and source came to for one model.

    Attributes:
        verified: `third-party` or `assumed`; empty where nobody said how the prices are known.
        source: where they were read, or the id of a shared cost.
        model: what they are for; empty for every model, and for a shared cost.
        currency: that of the cost.
        rows: how many rows of the period.
        cost: as printed; below zero where corrections take back more.
        share: this part of the whole cost in this currency, as a ratio of at most 4 decimals; empty where that is zero.
    """

    verified: str
    source: str
    model: str
    currency: str
    rows: int
    cost: str
    share: str


def share_of(cost: Decimal, whole: Decimal) -> str:
    """A part as a ratio of a whole, half to even at 4 decimals; empty where the whole is zero."""
    return to_text(round_total(cost / whole, SHARE_DECIMALS)) if whole else ""


def unverified_sums(found: Iterable[UnverifiedAmount]) -> dict[str, Decimal]:
    """Currency → all that rests on such prices."""
    sums: dict[str, Decimal] = {}
    for each in found:
        sums[each.currency] = EXACT.add(sums.get(each.currency, ZERO), Decimal(each.cost))
    return sums


def beyond_unverified(
    found: Sequence[UnverifiedAmount], totals: Mapping[str, str], percent: Decimal | None
) -> dict[str, tuple[str, int]]:
    """Currency → what is wrong, and the amount in cents, where more rests on such prices than is allowed.

    `percent`: the share of the cost in a currency, as `totals` has it, that is allowed; None: any.
    """
    if percent is None:
        return {}
    sums = unverified_sums(found)
    return {
        currency: (
            f"{said_amount(amount, currency)} of {bare_amount(Decimal(totals.get(currency, '0')), currency)} rest on"
            f" prices that no list of the provider and no invoice shows; allowed are {to_text(percent)} %",
            math.ceil(amount * 100),
        )
        for currency, amount in sums.items()
        if amount > EXACT.multiply(EXACT.multiply(Decimal(totals.get(currency, "0")), percent), _PERCENT)
    }


def whole_share(found: Sequence[UnverifiedAmount], totals: Mapping[str, str]) -> dict[str, str]:
    """Currency → the share of its cost that rests on such prices."""
    return {
        currency: share_of(amount, Decimal(totals.get(currency, "0")))
        for currency, amount in unverified_sums(found).items()
    }
