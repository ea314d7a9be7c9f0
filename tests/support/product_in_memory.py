"""The whole product in memory, for tests of one service at a time."""

from dataclasses import dataclass, field

from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryCatalogues,
    MemoryControl,
    MemoryLedger,
    MemoryQuarantine,
)
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.services.settled.settle_day import settle_day
from chargeback.services.settled.settled_days import SettledDays
from chargeback.services.usage.audit import Auditor
from chargeback.services.usage.estimate_spend import EffectiveSpendEstimator
from chargeback.services.usage.ingest import Ingest
from chargeback.services.usage.post import Poster


@dataclass
class ProductInMemory:
    """Stores in memory and the services over them."""

    catalogues: MemoryCatalogues
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    counter: MemoryCounter = field(default_factory=MemoryCounter)
    books: MemoryBooks = field(default_factory=MemoryBooks)
    control: MemoryControl = field(default_factory=MemoryControl)
    quarantine: MemoryQuarantine = field(default_factory=MemoryQuarantine)
    settled_files: MemorySettledFiles = field(default_factory=MemorySettledFiles)

    @property
    def ingest(self) -> Ingest:
        watched = self.catalogues.settled_by.watched
        estimator = EffectiveSpendEstimator(self.catalogues, self.catalogues.catalogue, watched)
        return Ingest(self.ledger, self.counter, self.quarantine, estimator)

    @property
    def poster(self) -> Poster:
        return Poster(self.ledger, self.counter, self.books, self.control, self.catalogues)

    @property
    def auditor(self) -> Auditor:
        return Auditor(self.ledger, self.counter, self.books, self.control, self.catalogues, self.poster)

    @property
    def settled_days(self) -> SettledDays:
        return SettledDays(self.books, self.settled_files)

    async def settle(self) -> None:
        """Write the files of all days, as the audit does once they are no longer open."""
        for day in self.books.days:
            assert await settle_day(self.books, self.settled_files, day)

    def charges(self, day: str) -> dict[tuple[str, str], int]:
        """(state, meter) → quantity in the books of a day."""
        sums: dict[tuple[str, str], int] = {}
        for record in self.books.days.get(day, {}).values():
            for charge in record.charges:
                key = (charge.state, charge.meter.value)
                sums[key] = sums.get(key, 0) + charge.quantity
        return sums


def in_memory(catalogue: Catalogue) -> ProductInMemory:
    """Empty stores under a catalogue."""
    return ProductInMemory(MemoryCatalogues(catalogue))
