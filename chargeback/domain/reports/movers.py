"""Why an amount changed between two spans of time: by volume, price, exchange rate, mix, and other reasons.

The parts of a change sum to it exactly; nothing here is rounded but the volume, and the price takes what that leaves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import NamedTuple

from chargeback.domain.money.exact import EXACT, ZERO, total

MOVER_PARTS = ("volume", "price", "exchange", "mix", "new", "shared", "correction")
"""Why a mover moved.

`volume`: more or less of it was used; `price`: the same cost more or less in the currency of its price; `exchange`:
that currency was worth more or less in the currency of the books; `mix`: what was used was of dearer or cheaper kinds
(another meter, region, tier …); `new`: it was not used in the earlier span at all, or no longer in the later one;
`shared`: its part of costs that are split; `correction`: what earlier periods should have said.
"""

_RATIO = Context(prec=120, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_LAST_PLACE = Decimal(1).scaleb(-18)
_KEYS = {"shared": ("shared_cost",), "correction": ("corrects_period",)}


class Charged(NamedTuple):
    """What was charged for one thing in a span.

    Attributes:
        kind: usage, shared or correction, as in `domain.reports.rows`.
        dimensions: by the names of `domain.reports.rows`; those that movers are not told apart by tell the kinds of a
            mix.
        unit: the quantity's; quantities of different units are never added.
        quantity: leave out what has no price: its cost is not zero but unknown.
        cost: exact.
        rate: units of the cost's currency for one of the price's.
    """

    kind: str
    dimensions: Mapping[str, str]
    unit: str
    quantity: Decimal
    cost: Decimal
    rate: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Mover:
    """Something whose cost changed.

    Attributes:
        kind: usage, shared or correction.
        key: the values of the dimensions that movers were asked for by; for a shared cost its id, for a correction the
            period that it corrects.
        before: its cost in the earlier span.
        after: its cost in the later one.
        parts: MOVER_PARTS → amounts that sum to the change; those of zero are left out.
    """

    kind: str
    key: tuple[str, ...]
    before: Decimal
    after: Decimal
    parts: Mapping[str, Decimal]

    @property
    def change(self) -> Decimal:
        """By how much the later span costs more."""
        return EXACT.subtract(self.after, self.before)

    @property
    def reason(self) -> str:
        """The largest of the parts; empty where nothing changed."""
        return max(self.parts, key=lambda part: abs(self.parts[part]), default="")


class Amount(NamedTuple):
    """A quantity and its cost; `priced` is the cost in the currency of the price, to 120 digits."""

    quantity: Decimal
    cost: Decimal
    priced: Decimal


_Item = tuple[tuple[str, str], ...]
_NOTHING = Amount(ZERO, ZERO, ZERO)


def movers(before: Iterable[Charged], after: Iterable[Charged], by: Sequence[str]) -> list[Mover]:
    """The movers of the cost by these dimensions, the largest change first.

    Every mover of either span is there, also one that did not move, so that the changes sum to the change of the whole.
    """
    spans = _grouped(before, by), _grouped(after, by)
    found = [
        _mover(kind, key, *(span.get((kind, key), {}) for span in spans)) for kind, key in {**spans[0], **spans[1]}
    ]
    return sorted(found, key=lambda mover: (-abs(mover.change), mover.kind, mover.key))


def summed(found: Iterable[Mover]) -> dict[str, Decimal]:
    """The parts of a whole change, in the order of MOVER_PARTS; all of them."""
    listed = list(found)
    return {part: total([mover.parts.get(part, ZERO) for mover in listed]) for part in MOVER_PARTS}


_Units = dict[str, dict[_Item, Amount]]


def _grouped(charged: Iterable[Charged], by: Sequence[str]) -> dict[tuple[str, tuple[str, ...]], _Units]:
    groups: dict[tuple[str, tuple[str, ...]], _Units] = {}
    for kind, dimensions, unit, quantity, cost, rate in charged:
        key = tuple(dimensions.get(name, "") for name in _KEYS.get(kind, by))
        items = groups.setdefault((kind, key), {}).setdefault(unit, {})
        item = tuple(sorted(dimensions.items()))
        known = items.get(item, _NOTHING)
        priced = _RATIO.add(known.priced, _RATIO.divide(cost, rate))
        items[item] = Amount(EXACT.add(known.quantity, quantity), EXACT.add(known.cost, cost), priced)
    return groups


def _mover(kind: str, key: tuple[str, ...], before: _Units, after: _Units) -> Mover:
    old, new = (
        total([amount.cost for items in units.values() for amount in items.values()]) for units in (before, after)
    )
    changes: list[tuple[str, Decimal]] = []
    if kind == "usage":
        for unit in {**before, **after}:
            changes.extend(_changes(before.get(unit, {}), after.get(unit, {})))
    else:
        units = after if kind == "shared" else ()  # a correction is at the rate of what it corrects
        exchange = total([_exchange_effect(before.get(unit, {}), after.get(unit, {})) for unit in units])
        changes += [("exchange", exchange), (kind, EXACT.subtract(EXACT.subtract(new, old), exchange))]
    parts = {part: total([amount for name, amount in changes if name == part]) for part in MOVER_PARTS}
    return Mover(kind, key, old, new, {part: amount for part, amount in parts.items() if amount})


def _changes(before: Mapping[_Item, Amount], after: Mapping[_Item, Amount]) -> Iterator[tuple[str, Decimal]]:
    """The parts of the change of what is measured in one unit."""
    (old, old_cost), (new, new_cost) = (_whole(items) for items in (before, after))
    change = EXACT.subtract(new_cost, old_cost)
    if old <= 0 or new <= 0:
        yield "new", change
        return
    volume = EXACT.subtract(_scaled(old_cost, new, old), old_cost)
    both = before.keys() & after.keys()
    dearer = total([_price_effect(before[item], after[item]) for item in both])
    used = {item for item in both if before[item].quantity > 0 and after[item].quantity > 0}
    exchange = _exchange_effect({item: before[item] for item in used}, {item: after[item] for item in used})
    yield "volume", volume
    yield "price", EXACT.subtract(dearer, exchange)
    yield "exchange", exchange
    yield "mix", EXACT.subtract(change, EXACT.add(volume, dearer))


def _price_effect(before: Amount, after: Amount) -> Decimal:
    """How much more the later quantity costs than at the earlier price."""
    old, new = before.quantity, after.quantity
    return EXACT.subtract(after.cost, _scaled(before.cost, new, old)) if old > 0 and new > 0 else ZERO


def _exchange_effect(before: Mapping[_Item, Amount], after: Mapping[_Item, Amount]) -> Decimal:
    """How much more the quantity in both spans costs than at the earlier exchange rate."""
    return total(
        [
            EXACT.subtract(new.cost, _scaled(old.cost, new.priced, old.priced))
            for item, new in after.items()
            if (old := before.get(item, _NOTHING)).priced
        ]
    )


def _whole(items: Mapping[_Item, Amount]) -> tuple[Decimal, Decimal]:
    return total([each.quantity for each in items.values()]), total([each.cost for each in items.values()])


def _scaled(cost: Decimal, quantity: Decimal, of: Decimal) -> Decimal:
    """The cost of a quantity where `of` costs `cost`, at 18 decimals."""
    return _RATIO.divide(_RATIO.multiply(cost, quantity), of).quantize(_LAST_PLACE, context=_RATIO)
