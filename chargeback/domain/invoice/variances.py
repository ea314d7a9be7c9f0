"""Which causes explain a variance: each rule, in the order in which it applies.

The invoice has more of a meter than the books, per SKU, resource and day:
    1. time-shift           the day before or after has as much less
    2. unmapped-deployment  the account is not in the deployment map
    3. unsettled            calls of that resource and day wait for their tokens
    4. estimated            up to the quantity that was estimated
    5. bypassed-gateway     nothing of ours is open, so the calls did not come through the gateway
The invoice has less:
    1. time-shift           the day before or after has as much more
    2. not-billed-yet       the export ran before the provider knows all of that day
    3. estimated            up to the quantity that was estimated
    4. not-on-invoice       the rest
Both have it:
    1. unmapped-deployment, unpriced   ours has no price, because of the map or because of the rate card
    2. exchange-rate                   the same quantity and price, converted at another rate
    3. price-difference                the same quantity at another price
What is left is unexplained; so is what cannot be compared by quantity.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal

from chargeback.domain.invoice.cost_exports import ExportRun
from chargeback.domain.invoice.reconciliation import (
    CAPACITY,
    OTHER_METERS,
    Booked,
    Cause,
    Invoiced,
    Reconciliation,
    ReconciliationRules,
    Variance,
    VariancePart,
    costs_by,
    is_known,
)
from chargeback.domain.invoice.variance_cells import Cell, cells_of, meter_of, with_shifts
from chargeback.domain.money.exact import EXACT, ZERO, to_text, total
from chargeback.domain.time.months import Month, utc_days_of

_QUOTIENT = Context(prec=50)
_FINEST = Decimal("1e-18")
_MILLION = Decimal(1_000_000)
_ROUNDING = Decimal("1e-12")
_SAME_PRICE = Decimal("0.000001")
"""Prices that differ by less than this part of themselves are the same, up to the rounding of the invoice."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the rules look at in addition to the cell itself."""

    period: Month
    run: ExportRun
    rules: ReconciliationRules
    unsettled: Mapping[tuple[str, str], int]
    accounts: Collection[str]


def reconcile(
    booked: Sequence[Booked],
    invoiced: Sequence[Invoiced],
    *,
    period: Month,
    run: ExportRun,
    rules: ReconciliationRules,
    accounts: Collection[str],
) -> Reconciliation:
    """Compare books and invoice of a period; `accounts` are those of the deployment map, in lower case."""
    unsettled: dict[tuple[str, str], int] = {}
    for each in booked:
        if each.unsettled:
            unsettled[each.day, each.resource] = unsettled.get((each.day, each.resource), 0) + each.unsettled
    evidence = _Evidence(period, run, rules, unsettled, accounts)
    cells = with_shifts(cells_of([each for each in booked if each.quantity or each.cost], invoiced))
    unknown = [each for each in invoiced if each.resource and not is_known(each.resource, accounts)]
    unmapped = [each for each in invoiced if each.sku is None and not each.is_capacity]
    return Reconciliation(
        variances=tuple(_variance(cell, evidence) for cell in cells),
        unmapped_meters=costs_by([(meter_of(each), each.cost) for each in unmapped]),
        unknown_resources=costs_by([(each.resource, each.cost) for each in unknown]),
    )


def _variance(cell: Cell, evidence: _Evidence) -> Variance:
    cost = EXACT.subtract(cell.invoiced_cost, cell.cost)
    found = _parts(cell, evidence) if cell.is_comparable else _of_capacity(cell)
    parts = [part for part in found if part.amount]
    rest = EXACT.subtract(cost, total([part.amount for part in parts]))
    if parts and abs(rest) < _ROUNDING:
        parts[-1] = replace(parts[-1], amount=EXACT.add(parts[-1].amount, rest))
    elif rest:
        parts.append(_rest(cell, rest, evidence))
    return Variance(
        day=cell.day,
        resource=cell.resource,
        sku=cell.sku,
        booked_cost=cell.cost,
        invoiced_cost=cell.invoiced_cost,
        booked_quantity=cell.quantity if cell.is_comparable else None,
        invoiced_quantity=cell.invoiced_quantity if cell.is_comparable else None,
        meters=tuple(dict.fromkeys(meter_of(each) for each in cell.invoiced)),
        parts=tuple(parts),
    )


def _parts(cell: Cell, evidence: _Evidence) -> Iterator[VariancePart]:
    """The parts that quantities explain, then those that prices explain of what both have."""
    theirs = _price(cell.invoiced_cost, cell.invoiced_quantity or ZERO)
    ours = _price(cell.cost, EXACT.subtract(cell.quantity, cell.unpriced))
    price = theirs if cell.excess > 0 else ours
    for cause, quantity, why in _by_quantity(cell, evidence):
        yield VariancePart(cause, _amount(quantity, price or ZERO), why)
    both = min(cell.quantity, cell.invoiced_quantity or ZERO)
    unpriced = min(cell.unpriced, both)
    if unpriced > 0:
        unmapped = cell.unmapped > 0
        yield VariancePart(
            Cause.UNMAPPED if unmapped else Cause.UNPRICED,
            _amount(unpriced, theirs or ZERO),
            f"{to_text(unpriced)} {cell.sku.meter} have no price: "
            + ("their deployment is not in the deployment map" if unmapped else "none on the rate card covers them"),
        )
    priced = EXACT.subtract(both, unpriced)
    if priced > 0 and theirs is not None and ours is not None:
        yield from _by_price(cell, priced, theirs, ours)


def _of_capacity(cell: Cell) -> Iterator[VariancePart]:
    """The parts of capacity, which has no quantity to compare, but was converted, too."""
    if cell.sku == CAPACITY and (rates := cell.rates):
        moved = _QUOTIENT.divide(_QUOTIENT.subtract(*rates), rates[1])
        yield VariancePart(Cause.EXCHANGE, _amount(cell.cost, moved), _converted(rates))


def _converted(rates: tuple[Decimal, Decimal]) -> str:
    return f"converted at {_rounded(rates[0])} on the invoice, at {_rounded(rates[1])} in the books"


def _by_price(cell: Cell, priced: Decimal, theirs: Decimal, ours: Decimal) -> Iterator[VariancePart]:
    """The parts that the price of one unit explains for the quantity that both have: first the exchange rate."""
    at_their_rate = ours
    if cell.rates and cell.rates[0] != cell.rates[1]:
        their_rate, our_rate = cell.rates
        at_their_rate = _QUOTIENT.divide(_QUOTIENT.multiply(ours, their_rate), our_rate)
        yield VariancePart(
            Cause.EXCHANGE,
            _amount(priced, _QUOTIENT.subtract(at_their_rate, ours)),
            _converted(cell.rates),
        )
    if _differ(theirs, at_their_rate):
        yield VariancePart(
            Cause.PRICE,
            _amount(priced, _QUOTIENT.subtract(theirs, at_their_rate)),
            f"{to_text(priced)} {cell.sku.meter} at {_per_million(theirs)} per million on the invoice,"
            f" at {_per_million(ours)} in the books ({', '.join(_prices(cell)) or 'no price id'})",
        )


def _by_quantity(cell: Cell, evidence: _Evidence) -> Iterator[tuple[Cause, Decimal, str]]:
    """The parts of the excess or shortfall: cause, quantity with its sign, and evidence."""
    left = cell.excess
    if cell.shifted:
        yield (
            Cause.SHIFTED,
            cell.shifted,
            f"a neighbouring day has {to_text(cell.shifted.copy_abs())} the other way round",
        )
        left = EXACT.subtract(left, cell.shifted)
    if not left:
        return
    if cause := (_whole_excess if left > 0 else _whole_shortfall)(cell, left, evidence):
        yield (cause[0], left, cause[1])
        return
    estimated = min(left.copy_abs(), cell.estimated).copy_sign(left)
    if estimated:
        yield Cause.ESTIMATED, estimated, f"{to_text(cell.estimated)} {cell.sku.meter} are estimates"
        left = EXACT.subtract(left, estimated)
    if left > 0:
        why = "no call of ours is open, so these did not come through the gateway"
        yield Cause.BYPASSED, left, f"{to_text(left)} {cell.sku.meter} more on the invoice; {why}"
    elif left < 0:
        yield Cause.NOT_INVOICED, left, f"{to_text(left.copy_negate())} {cell.sku.meter} are not on the invoice"


def _whole_excess(cell: Cell, left: Decimal, evidence: _Evidence) -> tuple[Cause, str] | None:
    if not is_known(cell.resource, evidence.accounts):
        return Cause.UNMAPPED, f"account {cell.resource} is not in the deployment map"
    if unsettled := evidence.unsettled.get((cell.day, cell.resource), 0):
        each = f"; {round(left / unsettled)} tokens each would explain it" if cell.is_comparable else ""
        return Cause.UNSETTLED, f"calls of that day that wait for their tokens: {unsettled}{each}"
    return None


def _whole_shortfall(cell: Cell, left: Decimal, evidence: _Evidence) -> tuple[Cause, str] | None:
    if evidence.run.is_final_of(cell.day or utc_days_of(evidence.period)[-1], evidence.rules.lag):
        return None
    last = f"the export has days up to {evidence.run.last}" if evidence.run.last else "the export names no days"
    at = f"{evidence.run.submitted:%Y-%m-%dT%H:%MZ}" if evidence.run.submitted else "an unknown time"
    what = f"{to_text(left.copy_negate())} {cell.sku.meter}" if cell.is_comparable else cell.sku.meter
    return Cause.NOT_YET, f"{what} not billed yet: {last}, ran at {at}"


def _rest(cell: Cell, amount: Decimal, evidence: _Evidence) -> VariancePart:
    """The part that no rule explains, with whatever is known about it."""
    if cell.sku == CAPACITY and amount < 0 and (found := _whole_shortfall(cell, amount, evidence)):
        return VariancePart(found[0], amount, found[1])
    if cell.sku == OTHER_METERS and (
        found := (_whole_excess if amount > 0 else _whole_shortfall)(cell, amount, evidence)
    ):
        return VariancePart(found[0], amount, found[1])
    if cell.sku == OTHER_METERS:
        names = ", ".join(dict.fromkeys(meter_of(each) for each in cell.invoiced)) or "none that day"
        return VariancePart(Cause.UNEXPLAINED, amount, f"compared by resource only; meters without an entry: {names}")
    if cell.sku == CAPACITY:
        return VariancePart(Cause.UNEXPLAINED, amount, "capacity is compared by cost only")
    if not cell.is_comparable:
        return VariancePart(Cause.UNEXPLAINED, amount, "the invoice does not tell its quantity")
    return VariancePart(Cause.UNEXPLAINED, amount, "rounding, or a charge without a quantity")


def _price(cost: Decimal, quantity: Decimal) -> Decimal | None:
    """The price of one unit, to 50 digits; None where the quantity is zero."""
    return _QUOTIENT.divide(cost, quantity) if quantity > 0 else None


def _amount(quantity: Decimal, price: Decimal) -> Decimal:
    return Context(prec=110).multiply(quantity, price).quantize(_FINEST, ROUND_HALF_EVEN, Context(prec=60))


def _differ(theirs: Decimal, ours: Decimal) -> bool:
    return abs(theirs - ours) > _SAME_PRICE * max(abs(theirs), abs(ours))


def _per_million(price: Decimal) -> str:
    return _rounded(price * _MILLION)


def _rounded(number: Decimal) -> str:
    return to_text(number.quantize(Decimal("1e-9"), ROUND_HALF_EVEN))


def _prices(cell: Cell) -> Iterable[str]:
    return dict.fromkeys(price for each in cell.booked for price in each.prices)
