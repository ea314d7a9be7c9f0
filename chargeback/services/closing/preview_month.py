"""What an open month would come to with another configuration: its usage rated again, its shared costs split again."""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import ndjson, to_document
from chargeback.domain.reports.layout import summary_path
from chargeback.domain.reports.manifest import unguarded
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.closing.publish_period import Publisher
from chargeback.services.configuring.compare_config import CentreCost
from chargeback.services.ports.control import Version
from chargeback.services.ports.reports import Reports
from chargeback.services.running.day_fence import fence_of_day
from chargeback.services.running.progress import ignore_progress
from chargeback.services.running.work_folder import work_folder
from chargeback.services.settled.pack import pack_records
from chargeback.services.settled.settled_days import SettledDays


@dataclass(frozen=True, slots=True)
class RatedDays:
    """The days of the books with their usage rated by other catalogues; see `publishing.staging.BookedDays`."""

    days: SettledDays
    rated_with: EffectiveCatalogues

    @asynccontextmanager
    async def rows(self, day: UtcDay) -> AsyncIterator[Path | None]:
        """A file with the charges of a day, while the context lasts; None where the books have nothing of it."""
        if not await fence_of_day(self.days.books, day):
            yield None
            return
        with work_folder("rated") as folder:
            file = Path(folder, "records.parquet")
            await pack_records(day, self._documents(day), Path(folder), file)
            yield file

    async def _documents(self, day: UtcDay) -> AsyncIterator[bytes]:
        async for page in self.days.records(day):
            yield ndjson(to_document(rate(day, each.line, each.hours, self.rated_with)) for each in page)


@dataclass(frozen=True, slots=True)
class MonthPreview:
    """Publishes a month for the comparison alone; see `compare_config.Preview`.

    Attributes:
        publisher: writes the files; what it reads is as usual.
        days: the books.
        into: takes the files, and is nobody else's.
    """

    publisher: Publisher
    days: SettledDays
    into: Reports

    async def __call__(
        self, period: Month, version: Version, rated_with: EffectiveCatalogues
    ) -> Mapping[tuple[str, str], CentreCost]:
        """Cost centre and currency → what its summary would say. Corrections of closed months are left out."""
        publish = replace(self.publisher, days=RatedDays(self.days, rated_with), writers=(), keeps_evidence=False)
        await publish(period, self.into, version, (), ignore_progress, is_closed=False)
        content = b"".join([piece async for piece in self.into.read(summary_path(period))])
        return {
            (unguarded(row["cost_centre"]), row["currency"]): CentreCost(
                Decimal(row["cost"]), Decimal(row["shared_cost"]), int(row["unpriced_rows"])
            )
            for row in csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)
        }
