"""How discounts, negotiated prices and markups turn list prices into contracted and billed prices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from chargeback.domain.catalogue.payers import Payers, SharedMarkup, is_paid_by
from chargeback.domain.catalogue.prices import Dated, Price, PriceKey, Verified
from chargeback.domain.money.exact import EXACT, PRICE_DECIMALS, round_total, to_text
from chargeback.domain.time.effective import Effective, between, edges, hour_name
from chargeback.domain.usage.meters import Meter

_PERCENT = Decimal("0.01")

_Amounts = tuple[Decimal, Decimal, tuple[str, ...], Verified | None]
"""Contracted and billed price, what says so, and how that is known."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One agreement: a discount, negotiated prices or a markup, for some prices, for some time.

    Attributes:
        id: its name; every price that it changes shows it.
        source: the agreement that says so.
        when: field of `PriceKey` → the values it is for; a field that is absent stands for all.
        contracted: meter → negotiated price per million; empty for a discount or markup.
        discount: percent off the list price.
        markup: percent on top of the contracted price.
        payers: for a markup, the cost centres that it is for, with all below them; empty = whoever pays.
        shared: for a markup, the kinds of shared costs that it is put on as well.
        verified: for negotiated prices, how they are known; None: as the list prices are.
    """

    id: str
    source: str
    effective: Effective
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    contracted: Mapping[Meter, Decimal] = field(default_factory=dict)
    discount: Decimal | None = None
    markup: Decimal | None = None
    payers: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()
    verified: Verified | None = None

    @property
    def stamp(self) -> str:
        """What is written on every price that it changes."""
        return f"{self.id}: {self.source}"

    def is_for(self, key: PriceKey) -> bool:
        """Whether it is for a price, at whatever time."""
        if self.contracted and key.meter not in self.contracted:
            return False
        return all(getattr(key, name) in values for name, values in self.when.items())


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Prices after the adjustments, and the ids of the adjustments that decided any of them."""

    prices: dict[PriceKey, Dated]
    used: frozenset[str]


def adjusted(prices: Mapping[PriceKey, Dated], adjustments: Sequence[Adjustment]) -> Adjusted:
    """Every price with what was agreed; a price is split where an agreement begins or ends within its time.

    The first discount or negotiated price that matches decides the contracted price, the first markup that matches
    decides the billed one: no two of a kind are ever combined.
    """
    used: set[str] = set()
    result: dict[PriceKey, Dated] = {}
    for key, dated in prices.items():
        matching = [each for each in adjustments if each.is_for(key)]
        result[key] = tuple(part for price in dated for part in _parts(price, matching, used)) if matching else dated
    return Adjusted(result, frozenset(used))


def payers_of(prices: Mapping[PriceKey, Dated], adjustments: Sequence[Adjustment]) -> tuple[Payers, frozenset[str]]:
    """The prices that differ for the cost centres that adjustments name, and the ids of the deciding adjustments.

    The price of a payer has an id of its own, so that an id always stands for one amount.
    """
    usual = adjusted(prices, [each for each in adjustments if not each.payers])
    found, used = dict[str, dict[PriceKey, Dated]](), set(usual.used)
    for path in dict.fromkeys(path for each in adjustments for path in each.payers):
        theirs = adjusted(prices, [each for each in adjustments if is_paid_by(each.payers, path)])
        used |= theirs.used
        found[path] = {
            key: tuple(replace(price, price_id=f"{price.price_id}/{path}") for price in dated)
            for key, dated in theirs.prices.items()
            if dated != usual.prices[key]
        }
    shared = [_shared(each) for each in adjustments if each.shared and each.markup is not None]
    return Payers(found, shared), frozenset(used)


def _shared(each: Adjustment) -> SharedMarkup:
    assert each.markup is not None
    return SharedMarkup(each.id, each.markup, each.effective, each.shared, each.payers)


def _parts(price: Price, matching: Sequence[Adjustment], used: set[str]) -> Iterator[Price]:
    first = price.effective.first
    inner = [moment for moment in edges(each.effective for each in matching) if price.effective.holds(moment)]
    steps: list[tuple[datetime, _Amounts]] = []
    for start in sorted({first, *inner}):
        amounts = _amounts(price, [each for each in matching if each.effective.holds(start)], used)
        if not steps or steps[-1][1] != amounts:  # an edge that changes nothing splits nothing
            steps.append((start, amounts))
    times = between([price.effective.start, *(start for start, _ in steps[1:]), price.effective.end])
    for time, (_, (contracted, billed, said, verified)) in zip(times, steps, strict=True):
        yield replace(
            price,
            price_id=price.price_id if time.first == first else _renamed(price.price_id, time.first),
            contracted_per_million=contracted,
            per_million=billed,
            effective=time,
            adjustments=said,
            verified=verified,
        )


def _amounts(price: Price, in_force: Sequence[Adjustment], used: set[str]) -> _Amounts:
    contract = next((each for each in in_force if each.markup is None), None)
    markup = next((each for each in in_force if each.markup is not None), None)
    contracted, verified = price.list_per_million, price.verified
    if contract is not None and contract.discount is not None:
        contracted = _plus_percent(contracted, -contract.discount)
    elif contract is not None:
        contracted, verified = contract.contracted[price.meter], contract.verified or verified
    billed = contracted if markup is None or markup.markup is None else _plus_percent(contracted, markup.markup)
    deciding = [each for each in (contract, markup) if each is not None]
    used.update(each.id for each in deciding)
    return contracted, billed, tuple(each.stamp for each in deciding), verified


def _plus_percent(amount: Decimal, percent: Decimal) -> Decimal:
    """At most 12 decimals, half to even."""
    share = EXACT.add(Decimal(1), EXACT.multiply(percent, _PERCENT))
    return Decimal(to_text(round_total(EXACT.multiply(amount, share), PRICE_DECIMALS)))


def _renamed(price_id: str, start: datetime) -> str:
    """The id of a part of a price: its name is the price's, its hour its own."""
    return f"{price_id.rpartition('@')[0]}@{hour_name(start)}"
