"""Books in memory with the money that a test says was spent, summed up as after a posting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.money.exact import cost
from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord
from chargeback.domain.time.days import shifted
from chargeback.domain.usage.meters import Meter, Quantities
from chargeback.domain.usage.states import LineState
from chargeback.services.usage.summarise import summarise
from tests.support.catalogues import usage_line

ONE = Decimal(1)
MILLION = 10**6


@dataclass(frozen=True)
class Spent:
    """Money that one application of a cost centre spent in the hours of a UTC day; hour → amount."""

    day: str
    hours: Mapping[int, str]
    centre: str = "research"
    model: str = "gpt-4o"
    app: str = "app-1"
    user: str = "ann"
    currency: str = "USD"
    date: str | None = None
    is_priced: bool = True
    waiting: int = 0

    def record(self) -> UsageRecord:
        """Input tokens at 1 USD per million: as many millionths as the amount has; or calls that wait for theirs."""
        if self.waiting:
            return self._of_waiting()
        quantities = {hour: int(Decimal(amount) * MILLION) for hour, amount in self.hours.items()}
        quantity = sum(quantities.values())
        charge = Charge(Meter.INPUT, quantity, LineState.EXACT, ONE, ONE, ONE, "price", cost(quantity, ONE))
        if not self.is_priced:
            charge = Charge(Meter.INPUT, quantity, LineState.UNPRICED, None, None, None, "", None)
        hours = {hour: {Meter.INPUT: quantity} for hour, quantity in quantities.items()}
        return self._record(hours, charge)

    def _of_waiting(self) -> UsageRecord:
        """Calls whose tokens are not known yet."""
        charge = Charge(Meter.REQUESTS, self.waiting, LineState.UNSETTLED, None, None, None, "", None)
        hours = {hour: {Meter.REQUESTS: self.waiting} for hour in self.hours}
        return self._record(hours, charge, state="unsettled")

    def _record(self, hours: Mapping[int, Quantities], charge: Charge, **line: str) -> UsageRecord:
        part = RecordPart(self.date or self.day, self.centre, "rule", (charge,))
        of = usage_line(model=self.model, app=self.app, user=self.user, subscription=self.centre, **line)
        return UsageRecord(self.day, of, hours, self.currency, "GlobalStandard", "eastus2", (part,))


async def books_of(spent: Sequence[Spent]) -> MemoryBooks:
    """Books with these records and the summaries of their days."""
    books = MemoryBooks()
    days: dict[str, list[UsageRecord]] = {}
    for each in spent:
        days.setdefault(each.day, []).append(each.record())
    for day, records in days.items():
        await books.write(day, 0, None, (None, "digest"), records)
        await summarise(books, day)
    return books


def daily(first: str, amounts: Sequence[float | str], **fields: str) -> list[Spent]:
    """An amount for each day from the first on, spent at nine o'clock."""
    return [Spent(shifted(first, number), {9: str(amount)}, **fields) for number, amount in enumerate(amounts)]
