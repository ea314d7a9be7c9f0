"""Splits the shared costs of a closed period again where its usage or its exchange rate has changed.

It compares the split by the usage billed so far with the split by the usage as it is now. Both splits are made here,
so that what some pay more others pay less, and a later version of the product that splits in another way changes no
month whose usage stayed the same.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.reports.rows import Reason
from chargeback.domain.terms.shared_costs import (
    CostKind,
    DirectUsage,
    SharedCost,
    active,
    amount,
    measured,
    netted,
    origin,
    split,
    to_amount,
)
from chargeback.services.duck.engine import Row
from chargeback.services.publishing.closed_usage import usage_of
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import ClosedPeriod
from chargeback.services.publishing.share_costs import Further, Whole, direct_usage, part_id, part_row, use_columns


class _Shares(NamedTuple):
    """A shared cost in the currency of the books, and who bears which part of it; nobody bears a part of 0."""

    whole: Decimal
    ratios: Mapping[str, Decimal]

    @classmethod
    def of(cls, whole: Decimal, ratios: Mapping[str, Decimal]) -> "_Shares":
        return cls(whole, ratios if whole else {})

    def part(self, centre: str) -> Decimal:
        return EXACT.multiply(self.whole, self.ratio(centre))

    def ratio(self, centre: str) -> Decimal:
        return self.ratios.get(centre, ZERO)


def split_again(engine: PeriodEngine, closed: ClosedPeriod) -> list[Row]:
    """The rows that bring the shared costs of a closed period up to its current usage and exchange rate.

    `sum_closed_usage` must have summed what was billed and what has just been found.
    """
    found: list[Row] = []

    @cache
    def used(first: datetime, after: datetime, *, now: bool) -> list[DirectUsage]:
        rows = usage_of(engine, closed.period, (first, after), closed.catalogue.calendar, now=now)
        return direct_usage(rows, closed.catalogue)

    for cost in closed.shared_costs:
        times = active(cost, closed.period, closed.catalogue.calendar)
        if times is None or cost.corrects:
            continue
        rate = closed.terms.rate_for(closed.period, cost.currency, closed.currency)
        then, now = used(times.first, times.after, now=False), used(times.first, times.after, now=True)
        before = _Shares.of(_whole(engine, closed, cost), split(cost, measured(cost, then, times)))
        price = netted(cost, amount(cost, closed.period, closed.catalogue.calendar), now)
        use_now = measured(cost, now, times)
        after = _Shares.of(to_amount(EXACT.multiply(price, rate.rate)), split(cost, use_now))
        whole = Whole(price, rate, origin(cost, price, closed.period, closed.catalogue.calendar))
        date = closed.catalogue.calendar.date_of(times.first)
        for centre in sorted({*before.ratios, *after.ratios}):
            if before.part(centre) != after.part(centre):
                moved = EXACT.subtract(after.ratio(centre), before.ratio(centre))
                further = use_columns(cost, use_now, centre) | _corrects(closed, cost, centre, before, after)
                markup = closed.payers.markup(cost.kind, centre, times.first)
                found.append(part_row(cost, date, whole, centre, moved, further, markup=markup))
    return found


def _whole(engine: PeriodEngine, closed: ClosedPeriod, cost: SharedCost) -> Decimal:
    """How much of a shared cost was split so far, before any markup."""
    values = {"period": closed.period, "shared_cost": cost.cost_id}
    ((whole,),) = engine.run("billed of a shared cost", values)
    return Decimal(whole)


def _corrects(closed: ClosedPeriod, cost: SharedCost, centre: str, before: _Shares, after: _Shares) -> Further:
    moved = Reason.TRUE_UP if cost.kind is CostKind.TRUE_UP else Reason.SHARED_COST
    reason = (
        Reason.EXCHANGE_RATE if moved is Reason.SHARED_COST and before.ratio(centre) == after.ratio(centre) else moved
    )
    identity = f"{closed.period}\x1f{cost.cost_id}\x1f{centre}"
    difference = EXACT.subtract(after.part(centre), before.part(centre))
    return {
        "kind": "correction",
        "charge_id": blake2b(f"split again\x1f{identity}".encode(), digest_size=16).hexdigest(),
        "corrects_period": closed.period,
        "corrects_charge_id": part_id(cost, centre),
        "cost_centre": closed.successors.get(centre, centre),
        "correction_reason": reason.value,
        # What moves is in `quantity`: it is a difference of ratios, and none itself.
        "allocated_ratio": None,
        **dict.fromkeys(("exact_cost", "list_cost", "contracted_cost"), difference),
    }
