"""Publishing periods that are still open: their files are drafts, written again every day until the period closes."""

from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.errors import PeriodClosed
from chargeback.domain.lifecycle import State
from chargeback.domain.report import Manifest
from chargeback.services.closing.close_period import Closer, quietly
from chargeback.services.closing.late_changes import late_changes
from chargeback.services.publishing.files import Progress


@dataclass(frozen=True, slots=True)
class Drafts:
    """Publishes into the reports, with the corrections of closed periods in the oldest open one."""

    closer: Closer

    async def open(self, now: datetime) -> list[str]:
        """The periods to publish, ascending."""
        days = self.closer.days
        return await days.periods.open(now, (await days.catalogues.current()).calendar)

    async def publish(self, period: str, now: datetime, progress: Progress = quietly) -> Manifest:
        """Write the files of a period. Of a closed one nothing is written: its files are compared with their hashes.

        Raises `PeriodClosed` where a closed file is not as it was closed, or the period lies before the books.
        """
        closer, days = self.closer, self.closer.days
        known, _ = await days.periods.get(period)
        if known.state is State.CLOSED:
            return await closer.verified(period)
        version = await days.catalogues.version()
        version.catalogue.calendar.bounds(period)
        oldest = next(iter(await self.open(now)), period)
        closed = await days.periods.closed()
        if closed and period < closed[0].period:
            raise PeriodClosed(
                f"{period} lies before {closed[0].period}, the first closed period:"
                f" what came of its usage since is a correction in {oldest}"
            )
        late = await late_changes(days.periods, days.books, version.catalogue.calendar) if period == oldest else []
        return await closer.publish(period, closer.reports, version, late, progress, is_closed=False)
