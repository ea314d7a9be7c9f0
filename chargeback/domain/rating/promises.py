"""Which prices rated usage after the provider's promise for them had ended: a person has to read them again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.time.days import UtcDay, utc_day
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month

_NAMED = 5


def promised_until(catalogue: Catalogue, time: Effective) -> dict[str, datetime]:
    """Price id → when its promise ended, of the prices that were still in force after that within the time."""
    return {
        price.price_id: price.promised_until
        for _, price in catalogue.every_price()
        if price.promised_until is not None
        and (after := Effective(price.promised_until).intersection(price.effective))
        and after.overlaps(time)
    }


@dataclass(slots=True)
class Expired:
    """Usage rated by prices whose promise had ended, added up from the records of a period."""

    until: Mapping[str, datetime]
    rows: dict[str, int] = field(default_factory=dict)
    cost: Decimal = ZERO

    def days(self, days: Iterable[UtcDay]) -> list[UtcDay]:
        """The UTC days to look at: those on which a promise had ended."""
        first = min(self.until.values(), default=None)
        return [day for day in days if first is not None and day >= utc_day(first)]

    def add(self, records: Sequence[UsageRecord], period: Month) -> None:
        """Add what the records say of the period."""
        for record in records:
            charges = (each for part in record.parts if part.date.startswith(period) for each in part.charges)
            for charge in charges:
                until = self.until.get(charge.price_id)
                if until is not None and record.day >= utc_day(until):
                    self.rows[charge.price_id] = self.rows.get(charge.price_id, 0) + 1
                    self.cost = EXACT.add(self.cost, charge.cost or ZERO)

    def merge(self, other: "Expired") -> None:
        """Add what other records say."""
        for price_id, rows in other.rows.items():
            self.rows[price_id] = self.rows.get(price_id, 0) + rows
        self.cost = EXACT.add(self.cost, other.cost)

    @property
    def named(self) -> str:
        """The prices, the first of them by name."""
        names = sorted(self.rows)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"{', '.join(names[:_NAMED])}{more}"
