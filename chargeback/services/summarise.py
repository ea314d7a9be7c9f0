"""One small document a day for dashboards, made from the day's records."""

from collections.abc import Sequence
from typing import Any

from chargeback.domain.errors import Superseded
from chargeback.domain.meters import Meter
from chargeback.domain.money import EXACT, ZERO, to_text
from chargeback.domain.records import ChargeRow, UsageRecord
from chargeback.services.ports import Books, Document


class _Sums:
    """What is added up for one name."""

    def __init__(self) -> None:
        self.cost = ZERO
        self.quantities: dict[Meter, int] = {}
        self.states: dict[str, int] = {}

    def add(self, charges: Sequence[ChargeRow]) -> None:
        for charge in charges:
            self.cost = EXACT.add(self.cost, charge.cost or ZERO)
            self.quantities[charge.meter] = self.quantities.get(charge.meter, 0) + charge.quantity
            self.states[charge.state] = self.states.get(charge.state, 0) + 1

    def to_document(self) -> Document:
        return {
            "cost": to_text(self.cost),
            "quantities": {meter.value: self.quantities[meter] for meter in Meter if meter in self.quantities},
            "states": dict(sorted(self.states.items())),
        }


class DaySummary:
    """Adds up a day's records by cost centre and by model."""

    def __init__(self, day: str) -> None:
        self._day = day
        self._total = _Sums()
        self._centres: dict[str, _Sums] = {}
        self._models: dict[str, _Sums] = {}
        self._currencies: set[str] = set()

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Add a page of records."""
        for record in records:
            self._currencies.add(record.currency)
            charges = record.charges
            self._total.add(charges)
            self._models.setdefault(record.line.model or record.line.deployment, _Sums()).add(charges)
            for part in record.parts:
                self._centres.setdefault(part.cost_centre, _Sums()).add(part.charges)

    def to_document(self) -> dict[str, Any]:
        """The summary; `states` counts charges by their state."""
        return {
            "day": self._day,
            "currencies": sorted(self._currencies),
            "total": self._total.to_document(),
            "costCentres": {name: sums.to_document() for name, sums in sorted(self._centres.items())},
            "models": {name: sums.to_document() for name, sums in sorted(self._models.items())},
        }


async def summarise(books: Books, day: str) -> None:
    """Set the day's summary from its records.

    The summary's token is read before the records are, so a run that read older records cannot replace the summary
    of one that read newer ones.
    """
    while True:
        known = await books.summary(day)
        summary = DaySummary(day)
        async for page in books.records(day):
            summary.add(page)
        document = summary.to_document()
        if known is not None and known[0] == document:
            return
        try:
            await books.put_summary(day, document, known[1] if known else None)
        except Superseded:
            continue
        return
