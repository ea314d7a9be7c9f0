"""Months that are published one after the other, each with the corrections of closed ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from chargeback.adapters.memory.reports import MemoryReports
from chargeback.domain.rating.usage_record import UsageRecord
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.terms.terms import Terms
from chargeback.services.publishing.period_inputs import ClosedPeriod, Stored
from tests.support.catalogues import catalogue
from tests.support.published_files import charge, published, record, rows_of

MARCH, APRIL, MAY = "2026-03", "2026-04", "2026-05"


class Ledger:
    """Publishes month after month and keeps every file, as the closed ones are kept."""

    def __init__(self, successors: Mapping[str, str] | None = None, **fields: Any) -> None:
        self._fields = fields
        self._successors = successors or {}
        self._reports = MemoryReports()
        self.manifests: dict[str, Manifest] = {}

    async def publish(
        self, period: str, records: Sequence[UsageRecord], corrected: Mapping[str, Sequence[str]] | None = None
    ) -> list[dict[str, str]]:
        """The rows of the period; `corrected`: closed period → touched UTC days."""
        fields: dict[str, Any] = {"terms": Terms(), "catalogue": catalogue()} | self._fields
        closed = [
            ClosedPeriod(
                period=of,
                catalogue=fields["catalogue"],
                terms=fields["terms"],
                touched=days,
                billed=self._charges(of),
                later=tuple(self._charges(other) for other in sorted(self.manifests) if of < other < period),
                shared_costs=fields["terms"].shared_costs,
                successors=self._successors,
            )
            for of, days in (corrected or {}).items()
        ]
        names = {cost.corrects for cost in fields["terms"].shared_costs if cost.period == period and cost.corrects}
        past = {of: [self._charges(each) for each in sorted(self.manifests) if of <= each < period] for of in names}
        fields |= {"past": past, "successors": self._successors}
        manifest, files = await published(records, period=period, corrected=closed, **fields)
        self.manifests[period] = manifest
        self._reports.files |= files
        return rows_of(files, period=period)

    def change(self, **fields: Any) -> None:
        """What is in force from now on, also for closed months, as `periods correct` has it."""
        self._fields |= fields

    def file(self, period: str) -> bytes:
        """The charges of a month that was published."""
        return self._reports.files[self._charges(period).path]

    def replace_file(self, period: str, content: bytes) -> None:
        """Have the charges of a month in another form, such as that of an older version."""
        self._reports.files[self._charges(period).path] = content

    def _charges(self, period: str) -> Stored:
        return Stored(self._reports, f"{period}/charges-{period}.parquet")


def of_march(quantity: int, cost: str, **dimensions: str) -> UsageRecord:
    return record(charge(quantity=quantity, cost=cost), **dimensions)
