"""What each cost centre has spent since the month began, from the summaries of its days: what budget alerts watch."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chargeback.domain.money import EXACT, ZERO
from chargeback.services.ports import Books


@dataclass(frozen=True, slots=True)
class Spend:
    """The posted cost of a cost centre alone, without its descendants.

    Attributes:
        month: as 2026-11.
        cost_centre: its path.
        currency: of the cost; several are joined by a plus sign, and then fit no budget.
        cost: exact.
    """

    month: str
    cost_centre: str
    currency: str
    cost: Decimal


async def month_spend(books: Books, now: datetime) -> list[Spend]:
    """The spend of every cost centre in the month of `now` (UTC), in the order of their paths."""
    days = [f"{now:%Y-%m}-{day:02}" for day in range(1, now.day + 1)]
    summaries = await asyncio.gather(*(books.summary(day) for day in days))
    costs: dict[str, Decimal] = {}
    currencies: dict[str, set[str]] = {}
    for document in (known[0] for known in summaries if known is not None):
        for centre, sums in document["costCentres"].items():
            costs[centre] = EXACT.add(costs.get(centre, ZERO), Decimal(sums["cost"]))
            currencies.setdefault(centre, set()).update(document["currencies"])
    return [Spend(f"{now:%Y-%m}", name, "+".join(sorted(currencies[name])), costs[name]) for name in sorted(costs)]
