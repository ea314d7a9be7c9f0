"""Says what bringing a configuration into force would change, and what that moves in open periods; changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.changes import CatalogueChanges
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import ZERO
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.terms.changes import terms_changes
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month
from chargeback.services.configuring.apply_config import kept_by_closed, plan_change, require_open
from chargeback.services.configuring.repost import Repost
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.control import Catalogues, Version
from chargeback.services.ports.ledger import Ledger
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.progress import Progress, ignore_progress


@dataclass(frozen=True, slots=True, order=True)
class Payment:
    """What a cost centre pays in a period, in a currency."""

    period: Month
    cost_centre: str
    currency: str


class CentreCost(NamedTuple):
    """What a cost centre pays in a month, as it would be printed.

    Attributes:
        cost: all of it.
        shared: the part that is shared costs.
        unpriced: rows without a price; their cost is in no sum.
    """

    cost: Decimal = ZERO
    shared: Decimal = ZERO
    unpriced: int = 0


class Preview(Protocol):
    """Says what a month comes to with a configuration."""

    async def __call__(
        self, period: Month, version: Version, rated_with: EffectiveCatalogues
    ) -> Mapping[tuple[str, str], CentreCost]:
        """Cost centre and currency → its cost; raises `InvalidConfig` where the month cannot be published."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A payment now, and with the other configuration."""

    before: CentreCost
    after: CentreCost


@dataclass(frozen=True, slots=True)
class ComparedConfig:
    """What would change.

    Attributes:
        terms: differences of shared costs, budgets, exchange rates and closing rules, a line each, and what closed
            periods keep of them.
        repost: the days that would be rated again.
        moved: the payments of open periods that would be others: usage, allocation, adjustments and shared costs.
        unknown: periods that cannot be compared, because they cannot be published with what is in force, and why.
    """

    catalogue: CatalogueChanges
    terms: list[str]
    repost: Repost
    moved: Mapping[Payment, Moved]
    unknown: Mapping[Month, str]


async def compare_config(
    periods: Periods,
    catalogues: Catalogues,
    ledger: Ledger,
    preview: Preview,
    catalogue: Catalogue,
    terms: Terms,
    *,
    now: datetime,
    progress: Progress = ignore_progress,
) -> ComparedConfig:
    """Compare a configuration with the one in force, by what each open period comes to with either.

    Raises `InvalidConfig` where it could not be applied, or an open period could not be published with it.
    """
    control = periods.control
    await require_open(control, catalogues, catalogue, terms)
    terms = await catalogues.completed(terms)
    version, in_force = await catalogues.version(), await catalogues.in_force()
    changed, repost = await plan_change(ledger, in_force, catalogue, now)
    said = list(terms_changes(version.terms, terms))
    after = EffectiveCatalogues(catalogue, in_force.closed)
    moved: dict[Payment, Moved] = {}
    unknown: dict[Month, str] = {}
    # Without a difference nothing moves, and a month takes a while.
    for number, period in enumerate(
        await periods.open_periods(now, catalogue.calendar) if changed.every or said else ()
    ):
        then = await preview(period, Version("compared", catalogue, terms), after)
        try:
            before = await preview(period, version, in_force)
        except InvalidConfig as error:
            unknown[period] = reason_of(error)
        else:
            moved |= _moved(period, before, then)
        progress("months compared", number + 1)
    kept = await kept_by_closed(control, catalogues, version.terms, catalogue, terms)
    return ComparedConfig(changed, [*said, *kept], repost, moved, unknown)


def _moved(
    period: Month, before: Mapping[tuple[str, str], CentreCost], after: Mapping[tuple[str, str], CentreCost]
) -> dict[Payment, Moved]:
    nothing = CentreCost()
    return {
        Payment(period, *key): Moved(before.get(key, nothing), after.get(key, nothing))
        for key in sorted({*before, *after})
        if before.get(key, nothing) != after.get(key, nothing)
    }
