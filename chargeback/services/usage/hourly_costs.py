"""Says what a usage record costs in each UTC hour."""

from collections.abc import Iterator
from decimal import Decimal

from chargeback.domain.money.exact import cost
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.usage.meters import Meter


def hourly_costs(record: UsageRecord) -> Iterator[tuple[str, int, Decimal]]:
    """What a record costs in each UTC hour: (cost centre, hour, cost), which sum to its cost exactly.

    A record says how much of a meter each hour has and how much each charge has, but not which hour a charge is of.
    The charges are in the order of time, so the hours are dealt out to them in that order. Only where a price or a
    payer returns within a day may an hour show the price of another one.
    """
    if len(record.hours) == 1:  # as for most lines: there is nothing to deal out
        (hour,) = record.hours
        for part in record.parts:
            if amount := part.cost:
                yield part.cost_centre, hour, amount
        return
    waiting = _by_meter(record)
    for hour, quantities in sorted(record.hours.items()):
        for meter, quantity in quantities.items():
            queue = waiting.get(meter, [])
            while quantity and queue:
                centre, left, per_million = queue[0]
                taken = min(quantity, left)
                quantity -= taken
                queue[0] = centre, left - taken, per_million
                if left == taken:
                    del queue[0]
                if per_million:
                    yield centre, hour, cost(taken, per_million)


def _by_meter(record: UsageRecord) -> dict[Meter, list[tuple[str, int, Decimal | None]]]:
    found: dict[Meter, list[tuple[str, int, Decimal | None]]] = {}
    for part in sorted(record.parts, key=lambda part: part.date):
        for charge in part.charges:
            per_million = None if charge.cost is None else charge.per_million
            found.setdefault(charge.meter, []).append((part.cost_centre, charge.quantity, per_million))
    return found
