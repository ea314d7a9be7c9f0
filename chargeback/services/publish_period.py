"""From a period, its configuration and what became of closed ones to its files."""

from collections.abc import Sequence
from dataclasses import dataclass

from chargeback.domain.report import Manifest
from chargeback.services.files import Progress
from chargeback.services.late_changes import LateChange
from chargeback.services.ports import Books, Reports, Version
from chargeback.services.publish import publish


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes periods; see `close_period.Publish`."""

    books: Books
    decimals: int

    async def __call__(
        self,
        period: str,
        into: Reports,
        version: Version,
        late: Sequence[LateChange],
        progress: Progress,
        *,
        is_closed: bool,
    ) -> Manifest:
        """Write the files of a period; the manifest appears last."""
        return await publish(
            period,
            self.books,
            into,
            days=version.catalogue.calendar.utc_days(period),
            catalogue=version.catalogue,
            decimals=self.decimals,
            progress=progress,
        )
