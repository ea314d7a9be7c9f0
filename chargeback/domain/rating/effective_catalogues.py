"""Which catalogue rates the usage of an hour: in a closed period the one frozen at its closing, else the current one.

So nothing that is corrected afterwards changes what a closed period says, and usage that comes late for it costs what
it would have cost in time. Only what the frozen catalogue could not price is priced by the current one.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property, lru_cache

from chargeback.domain.catalogue.catalogue import Catalogue, PricesOfDay
from chargeback.domain.catalogue.prices import Price
from chargeback.domain.cost_centres.folding import NamedValues, named_values
from chargeback.domain.cost_centres.rules import RulesInForce
from chargeback.domain.deployments.deployment import Deployment
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.days import BookDate, UtcDay, hour_starts
from chargeback.domain.time.months import Month, month_of
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter


class EffectiveCatalogues:
    """The current catalogue, and those of the closed periods.

    Raises `InvalidConfig` where the current one would move the bounds of a closed period or change its currency.
    """

    def __init__(self, current: Catalogue, closed: Mapping[Month, Catalogue] | None = None) -> None:
        self.current = current
        self.closed = dict(closed or {})
        if faults := [*other_currencies(current, self.closed), *moved_bounds(current, self.closed)]:
            raise InvalidConfig(faults)
        self.hours: Callable[[UtcDay], tuple[tuple[BookDate, RulesInForce], ...]] = lru_cache(maxsize=1024)(
            self._find_hours
        )
        """UTC day (YYYY-MM-DD) → date in the books and allocation rules of each of its 24 hours."""
        self._catalogues: Callable[[UtcDay], tuple[Catalogue, ...] | None] = lru_cache(maxsize=1024)(
            self._find_catalogues
        )

    @cached_property
    def named(self) -> NamedValues:
        """The claimed values that any of the catalogues names."""
        catalogues = (self.current, *self.closed.values())
        rules = (rule for each in catalogues for rule in each.allocation.rules)
        return named_values(rules, (name for each in catalogues for name in each.deployment_names()))

    def catalogue(self, moment: datetime) -> Catalogue:
        """The one that rates the usage of a moment."""
        return self.closed.get(self.current.calendar.period_of(moment), self.current)

    def prices_of_line(self, line: Line, day: UtcDay, payer: str) -> PricesOfDay:
        """The price in force for each meter of a line that a cost centre pays in each of the 24 UTC hours of a day."""
        current = self.current.prices_of_line(line, day, payer)
        catalogues = self._catalogues(day) if self.closed else None
        if catalogues is None:
            return current
        by_hour = tuple(each.prices_of_line(line, day, payer) for each in catalogues)

        def prices(meter: Meter) -> tuple[Price | None, ...]:
            found = tuple(of(meter)[hour] for hour, of in enumerate(by_hour))
            if meter is Meter.REQUESTS:  # free without a price, so that nothing is missing where there is none
                return found
            return tuple(price or later for price, later in zip(found, current(meter), strict=True))

        return prices

    def deployment(self, line: Line, moment: datetime) -> Deployment | None:
        """The deployment that served a line at a moment, from the catalogue that rates it, else the current one."""
        named = line.backend, line.deployment, moment, line.model, line.operation
        known = self.catalogue(moment).deployment(*named) if self.closed else None
        return known or self.current.deployment(*named)

    def digest(self, day: UtcDay) -> str:
        """Identifies what rates a day: the current catalogue's digest, unless hours are in a closed period."""
        catalogues = self._catalogues(day) if self.closed else None
        digests = {each.digest for each in catalogues or ()} | {self.current.digest}
        if len(digests) == 1:
            return self.current.digest
        # The current one takes part in any case, because it prices what the frozen ones could not.
        text = "\n".join([*(each.digest for each in catalogues or ()), self.current.digest])
        return hashlib.sha256(text.encode()).hexdigest()

    def _find_catalogues(self, day: UtcDay) -> tuple[Catalogue, ...] | None:
        """The catalogue of each hour; None where the current one rates the whole day."""
        found = tuple(self.closed.get(month_of(date), self.current) for date in self.current.calendar.dates(day))
        return None if all(each is self.current for each in found) else found

    def _find_hours(self, day: UtcDay) -> tuple[tuple[BookDate, RulesInForce], ...]:
        catalogues = self._catalogues(day) or (self.current,) * 24
        return tuple(
            (date, catalogue.allocation.at(hour))
            for hour, date, catalogue in zip(
                hour_starts(day), self.current.calendar.dates(day), catalogues, strict=True
            )
        )


def other_currencies(current: Catalogue, closed: Mapping[Month, Catalogue]) -> Iterator[str]:
    """Faults of a rate card whose prices are in another currency than those of closed periods."""
    for period, frozen in sorted(closed.items()):
        if frozen.currency != current.currency:
            yield f"currency: is {current.currency}, but {period} was closed with prices in {frozen.currency}"


def moved_bounds(current: Catalogue, closed: Mapping[Month, Catalogue]) -> Iterator[str]:
    """Faults of books in which closed periods would begin or end at another time."""
    for period, frozen in sorted(closed.items()):
        if frozen.calendar.bounds(period) != current.calendar.bounds(period):
            yield f"books: would move the bounds of {period}, which is closed or being closed"
