"""Pairs books and invoice by day, resource and SKU, and matches quantities that fell on the other side of midnight."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal

from chargeback.domain.invoice.reconciliation import CAPACITY, NO_DAY, OTHER_METERS, Booked, Invoiced, Sku
from chargeback.domain.money.exact import EXACT, ZERO, total
from chargeback.domain.time.days import UtcDay, shifted

_QUOTIENT = Context(prec=50)


@dataclass(frozen=True, slots=True)
class Cell:
    """Books and invoice for one SKU, resource and day."""

    day: UtcDay
    resource: str
    sku: Sku
    booked: tuple[Booked, ...]
    invoiced: tuple[Invoiced, ...]
    shifted: Decimal = ZERO
    """The quantity that a neighbouring day has the other way round; signed as `excess`."""

    @property
    def quantity(self) -> Decimal:
        """The quantity of the books."""
        return total([each.quantity for each in self.booked])

    @property
    def cost(self) -> Decimal:
        """The contracted cost of the books."""
        return total([each.cost for each in self.booked])

    @property
    def invoiced_cost(self) -> Decimal:
        """The cost of the invoice."""
        return total([each.cost for each in self.invoiced])

    @property
    def invoiced_quantity(self) -> Decimal | None:
        """The quantity of the invoice; None where it does not tell all of it."""
        known = [each.quantity for each in self.invoiced if each.quantity is not None]
        return total(known) if len(known) == len(self.invoiced) else None

    @property
    def is_comparable(self) -> bool:
        """Whether quantities can be compared, not only costs."""
        return self.sku not in (CAPACITY, OTHER_METERS) and self.invoiced_quantity is not None

    @property
    def excess(self) -> Decimal:
        """How much more of the meter the invoice has than the books."""
        return EXACT.subtract(self.invoiced_quantity or ZERO, self.quantity)

    @property
    def rates(self) -> tuple[Decimal, Decimal] | None:
        """The exchange rates of the provider and of the books; None where either does not tell."""
        theirs = [(each.cost, each.rate) for each in self.invoiced if each.cost]
        ours = [(each.cost, each.rate) for each in self.booked if each.cost]
        rates = _mean_rate(theirs), _mean_rate(ours)
        return None if rates[0] is None or rates[1] is None else (rates[0], rates[1])

    @property
    def unpriced(self) -> Decimal:
        """The part of the books' quantity that has no price."""
        return total([each.unpriced for each in self.booked])

    @property
    def unmapped(self) -> Decimal:
        """The part of the books' quantity whose deployment is not in the map."""
        return total([each.unmapped for each in self.booked])

    @property
    def estimated(self) -> Decimal:
        """The part of the books' quantity that was estimated."""
        return total([each.estimated for each in self.booked])


def _mean_rate(costs: Sequence[tuple[Decimal, Decimal | None]]) -> Decimal | None:
    """The rate at which the sum was converted."""
    priced = [_QUOTIENT.divide(cost, rate) for cost, rate in costs if rate]
    whole = sum(priced, ZERO)
    if len(priced) < len(costs) or not whole:
        return None
    if len({rate for _, rate in costs}) == 1:
        return costs[0][1]
    return _QUOTIENT.divide(total([cost for cost, _ in costs]), whole)


def cells_of(booked: Sequence[Booked], invoiced: Sequence[Invoiced]) -> list[Cell]:
    """Books and invoice by day, resource and SKU; under `OTHER_METERS` where the meter is not known on both sides."""
    known = {(each.resource, each.sku) for each in invoiced if each.sku is not None}
    vague = {each.resource for each in invoiced if each.sku is None and not each.is_capacity}
    ours: dict[tuple[UtcDay, str, Sku], list[Booked]] = {}
    theirs: dict[tuple[UtcDay, str, Sku], list[Invoiced]] = {}
    for booking in booked:
        ours.setdefault(_booked_key(booking, known, vague), []).append(booking)
    for charge in invoiced:
        key = (
            (NO_DAY, "", CAPACITY) if charge.is_capacity else (charge.day, charge.resource, charge.sku or OTHER_METERS)
        )
        theirs.setdefault(key, []).append(charge)
    return [
        Cell(*key, tuple(ours.get(key, ())), tuple(theirs.get(key, ())))
        for key in sorted({*ours, *theirs}, key=lambda key: (key[1], key[2], key[0]))
    ]


def _booked_key(
    booking: Booked, known: Collection[tuple[str, Sku | None]], vague: Collection[str]
) -> tuple[UtcDay, str, Sku]:
    sku = booking.sku
    if sku == CAPACITY:
        return NO_DAY, "", CAPACITY
    if not sku.deployment_type:
        # A deployment that the map lacks: what the invoice has of that model and meter is what it was.
        like = [
            other
            for resource, other in known
            if resource == booking.resource and other and (other.model, other.meter) == (sku.model, sku.meter)
        ]
        sku = like[0] if len(like) == 1 else sku
    if (booking.resource, sku) not in known and booking.resource in vague:
        sku = OTHER_METERS
    return booking.day, booking.resource, sku


def with_shifts(cells: Sequence[Cell]) -> Iterator[Cell]:
    """Match each day's excess with the shortfall of the day after, then of the day before."""
    left = {(cell.resource, cell.sku, cell.day): cell.excess for cell in cells if cell.is_comparable}
    moved_to: dict[tuple[str, Sku, UtcDay], Decimal] = {}
    for resource, sku, day in sorted(left):
        here, there = (resource, sku, day), (resource, sku, shifted(day, 1))
        if left[here] * left.get(there, ZERO) < 0:
            moved = min(left[here].copy_abs(), left[there].copy_abs()).copy_sign(left[here])
            for key, amount in ((here, moved), (there, moved.copy_negate())):
                left[key] = EXACT.subtract(left[key], amount)
                moved_to[key] = EXACT.add(moved_to.get(key, ZERO), amount)
    for cell in cells:
        yield replace(cell, shifted=moved_to.get((cell.resource, cell.sku, cell.day), ZERO))


def meter_of(charge: Invoiced) -> str:
    """A meter of the invoice as reports name it."""
    return f"{charge.meter_name or 'a meter without a name'} ({charge.meter_id or 'no id'})"
