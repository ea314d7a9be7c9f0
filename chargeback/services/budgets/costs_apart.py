"""What a month has beside billed usage, which budgets do not count: shared costs and corrections, as published last."""

import csv
from dataclasses import dataclass
from decimal import Decimal

from chargeback.domain.budgets.budget import Scope, ScopeKind
from chargeback.domain.cost_centres.tree import is_within
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.reports.layout import summary_path
from chargeback.domain.time.months import Month
from chargeback.services.publishing.published_rows import Published


@dataclass(frozen=True, slots=True)
class CostsApart:
    """What a cost centre is charged beside its usage, with everything below it.

    Attributes:
        currency: the one that the books are kept in.
        shared: shared costs.
        corrections: what corrects closed months.
    """

    currency: str
    shared: Decimal
    corrections: Decimal


@dataclass(frozen=True, slots=True)
class PublishedSummary:
    """The lines of a month's summary by cost centre; none where it was never published."""

    by_centre: dict[str, CostsApart]

    def apart(self, scope: Scope) -> CostsApart | None:
        """The costs of a scope; None for scopes that have none, and where nothing is published."""
        if scope.kind not in (ScopeKind.COST_CENTRE, ScopeKind.ALL):
            return None
        found = [each for centre, each in self.by_centre.items() if is_within(centre, scope.value)]
        if not found:
            return None
        shared = corrections = ZERO
        for each in found:
            shared = EXACT.add(shared, each.shared)
            corrections = EXACT.add(corrections, each.corrections)
        return CostsApart(found[0].currency, shared, corrections)


async def read_summary(published: Published, period: Month) -> PublishedSummary:
    """The summary of a month."""
    store = published.closed if await published.is_closed(period) else published.reports
    path = summary_path(period)
    if path not in await store.paths(path):
        return PublishedSummary({})
    content = b"".join([piece async for piece in store.read(path)]).decode("utf-8-sig")
    return PublishedSummary(
        {
            line["cost_centre"]: CostsApart(
                line["currency"], Decimal(line["shared_cost"]), Decimal(line["corrections"])
            )
            for line in csv.DictReader(content.splitlines())
        }
    )
