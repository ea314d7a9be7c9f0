"""Which parts make up a true-up: by SKU, by account and for capacity, how much more the invoice has than the books.

Each part goes to those who used what it is about. What arrives later of that usage is taken off the part, because the
invoice had it already: the chargeback stays the invoice, whenever the books learn of a call.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.deployments.deployment import PROVISIONED
from chargeback.domain.invoice.reconciliation import CAPACITY, OTHER_METERS, Sku, Variance, is_known
from chargeback.domain.money.exact import EXACT, ZERO, round_to_total, to_text, total
from chargeback.domain.terms.shared_costs import (
    AMOUNT_DECIMALS,
    EVERY_CALL,
    Basis,
    BasisMeasure,
    Capacity,
    CostKind,
    DirectUsage,
    Per,
    Selection,
    SharedCost,
    active,
    amount,
    to_amount,
)
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.months import Month

CAPACITY_PART = "capacity"
REST = "rest"

_RATIO = Context(prec=40)
_FINEST = Decimal("1e-12")
_MINUTE = timedelta(minutes=1)


class TrueUpPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a true-up.

    Attributes:
        name: CAPACITY_PART, REST, or what it is about; empty: all of a true-up stored before parts existed.
        amount: the invoice minus the books, exact decimal text.
        skus: what the books have of it; empty: it is about an account, about capacity or about everything.
        account: whose usage it is about; empty: any.
        booked: what that usage cost at contracted prices when the true-up was set; what comes later is taken off. None
            for what is not usage.
    """

    name: str
    amount: str
    skus: tuple[Sku, ...] = ()
    account: str = ""
    booked: str | None = None


def parts_of(
    variances: Iterable[Variance],
    usage: Sequence[DirectUsage],
    skus_of: Mapping[Sku, Sequence[Sku]],
    accounts: Iterable[str],
    charged: Mapping[str, Decimal],
) -> tuple[TrueUpPart, ...]:
    """The parts between an invoice and books; they sum to the variance less what was charged before, at 6 decimals.

    `usage`: that of the published month. `skus_of`: a SKU of the invoice → those of the books that it is for.
    `accounts`: those of the deployment map; a SKU of another one is about that account. `charged`: name → how much of
    it other true-ups have already charged.
    """
    known = list(accounts)
    sums: dict[tuple[Sku, str], Decimal] = {}
    for each in variances:
        is_ours = not each.resource or is_known(each.resource, known)
        account = _account(each.resource, known) if each.sku == OTHER_METERS or not is_ours else ""
        sums[each.sku, account] = EXACT.add(sums.get((each.sku, account), ZERO), each.cost)
    found = [_part(sku, account, cost, skus_of) for (sku, account), cost in sorted(sums.items())]
    found.append(TrueUpPart(REST, "0", booked="0"))
    found += [TrueUpPart(name, to_text(EXACT.minus(each))) for name, each in charged.items() if each]
    selections = _selections(found)
    return tuple(
        part if part.booked is None else msgspec.structs.replace(part, booked=to_text(_booked(selection, usage)))
        for part, selection in zip(_rounded(found), selections, strict=True)
    )


def _account(resource: str, known: Sequence[str]) -> str:
    """The account's name in the deployment map; the provider's name may be longer."""
    return next((account for account in known if is_known(resource, [account])), resource)


def replaced(before: Sequence[TrueUpPart], after: Sequence[TrueUpPart]) -> tuple[TrueUpPart, ...]:
    """The parts that replace earlier ones: parts that are gone stay with zero, so that what they charged goes back."""
    names = {part.name for part in after}
    return (*after, *(TrueUpPart(part.name, "0") for part in before if part.name not in names))


def is_part(cost_id: str, period: Month, parts: Iterable[TrueUpPart]) -> bool:
    """Whether a shared cost of a period is one of its true-up with these parts, and not one of another name."""
    ids = {_cost_id(period, part.name) for part in parts}
    capacity = _cost_id(period, CAPACITY_PART)
    return cost_id in ids or (capacity in ids and cost_id.startswith(f"{capacity} "))


def is_reserved(cost_id: str) -> bool:
    """Whether a name begins like those of true-ups."""
    return re.match(r"true-up-\d{4}-\d{2}", cost_id) is not None


def _cost_id(period: Month, name: str) -> str:
    return f"true-up-{period}:{name}" if name else f"true-up-{period}"


def _part(sku: Sku, account: str, cost: Decimal, skus_of: Mapping[Sku, Sequence[Sku]]) -> TrueUpPart:
    if sku == CAPACITY:
        return TrueUpPart(CAPACITY_PART, to_text(cost))
    if account:
        return TrueUpPart(
            account if sku == OTHER_METERS else f"{account} {sku}", to_text(cost), account=account, booked="0"
        )
    return TrueUpPart(str(sku), to_text(cost), tuple(skus_of.get(sku) or (sku,)), booked="0")


def _rounded(parts: Sequence[TrueUpPart]) -> list[TrueUpPart]:
    """The amounts at the decimals of a shared cost, with the same sum."""
    exact = [Decimal(part.amount) for part in parts]
    rounded = round_to_total(exact, to_amount(total(exact)), AMOUNT_DECIMALS)
    return [msgspec.structs.replace(part, amount=to_text(each)) for part, each in zip(parts, rounded, strict=True)]


def _booked(of: Selection, usage: Iterable[DirectUsage]) -> Decimal:
    return total([each.contracted for each in usage if of.counts(each)])


def _selections(parts: Sequence[TrueUpPart]) -> list[Selection]:
    """Which usage each part is about; no usage is of two parts that have something booked."""
    skus = tuple(sku for part in parts for sku in part.skus)
    accounts = tuple(dict.fromkeys(part.account for part in parts if part.account))
    selections = []
    for part in parts:
        if part.skus:
            selections.append(Selection(skus=part.skus))
        elif part.account:
            selections.append(Selection(accounts=(part.account,), not_skus=skus))
        elif part.name == REST:
            selections.append(Selection(not_skus=skus, not_accounts=accounts))
        else:
            selections.append(EVERY_CALL)
    return selections


def costs_of(
    period: Month,
    currency: str,
    parts: Sequence[TrueUpPart],
    source: str,
    terms: Terms,
    calendar: Calendar,
) -> list[SharedCost]:
    """The parts as shared costs of their period, in the currency of its books; `terms` have its other ones."""
    base = SharedCost(
        cost_id=_cost_id(period, ""),
        name=f"True-up to the invoice of {period}",
        kind=CostKind.TRUE_UP,
        price=ZERO,
        per=Per.PERIOD,
        currency=currency,
        basis=Basis.USAGE,
        period=period,
        source=source,
        verified=Verified.INVOICE,
    )
    found: list[SharedCost] = []
    for part, selection in zip(parts, _selections(parts), strict=True):
        cost = replace(base, price=Decimal(part.amount), of=selection)
        if part.name:
            cost = replace(cost, cost_id=_cost_id(period, part.name), name=f"{base.name}: {part.name}")
        if part.name == CAPACITY_PART:
            found += _of_capacity(cost, terms, calendar)
        elif part.booked is None:
            found.append(cost)
        else:
            measure = BasisMeasure.QUANTITY if part.skus else BasisMeasure.COST
            found.append(replace(cost, measure=measure, nets=Decimal(part.booked)))
    return found


def _of_capacity(cost: SharedCost, terms: Terms, calendar: Calendar) -> list[SharedCost]:
    """Splits capacity as the costs for capacity are split, in proportion to their amounts; else by provisioned use."""
    amounts = [
        (each, _converted(each, cost, terms, calendar))
        for each in terms.shared_costs
        if each.kind in (CostKind.PROVISIONED, CostKind.HOSTING) and not each.corrects
    ]
    charged = [(each, price) for each, price in amounts if price > 0]
    whole = total([price for _, price in charged])
    if not whole:
        provisioned = Selection(deployment_types=tuple(sorted(kind.value for kind in PROVISIONED)))
        return [replace(cost, measure=BasisMeasure.TOKENS, of=provisioned)]
    exact = [_RATIO.divide(_RATIO.multiply(cost.price, price), whole) for _, price in charged]
    exact[-1] = EXACT.subtract(cost.price, total(exact[:-1]))
    prices = round_to_total(exact, to_amount(cost.price), AMOUNT_DECIMALS)
    return [_like(cost, each, price, calendar) for (each, _), price in zip(charged, prices, strict=True)]


def _converted(shared: SharedCost, into: SharedCost, terms: Terms, calendar: Calendar) -> Decimal:
    """What a shared cost is in the period and the currency of another one."""
    price = amount(shared, into.period, calendar)
    return EXACT.multiply(price, terms.rate_for(into.period, shared.currency, into.currency).rate) if price else ZERO


def _like(cost: SharedCost, capacity: SharedCost, price: Decimal, calendar: Calendar) -> SharedCost:
    """A part of the true-up of capacity that is split as the capacity itself."""
    by_tokens = capacity.kind is CostKind.PROVISIONED and capacity.measure is BasisMeasure.COST
    return replace(
        capacity,
        cost_id=f"{cost.cost_id} {capacity.cost_id}",
        name=f"{cost.name} {capacity.name}",
        kind=cost.kind,
        price=price,
        per=cost.per,
        units=1,
        currency=cost.currency,
        period=cost.period,
        effective=cost.effective,
        measure=BasisMeasure.TOKENS if by_tokens else capacity.measure,
        capacity=_capacity(capacity, cost.period, calendar),
        source=cost.source,
    )


def _capacity(cost: SharedCost, period: Month, calendar: Calendar) -> Capacity | None:
    """All capacity of a month as one unit, which can do as much as all units did while they existed."""
    charged = active(cost, period, calendar)
    if cost.capacity is None or charged is None:
        return None
    start, end = calendar.bounds(period)
    whole = cost.capacity.of(cost.units, charged)
    per_minute = _RATIO.divide(whole, Decimal((end - start) // _MINUTE))
    return replace(cost.capacity, tokens_per_minute=per_minute.quantize(_FINEST, ROUND_HALF_EVEN))
