"""Which version of the books the figures of an open month are of: whatever decides them is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import msgspec

from chargeback import __version__
from chargeback.domain.periods.lifecycle import BillingPeriod
from chargeback.domain.reports.settled import VIEWS_VERSION
from chargeback.domain.time.months import Month
from chargeback.services.closing.late_changes import LateChange, fences_of, late_changes
from chargeback.services.closing.publish_period import Publisher
from chargeback.services.periods.periods import Periods
from chargeback.services.ports.books import Books
from chargeback.services.ports.control import Catalogues, Version
from chargeback.services.reconciling.true_up_documents import TrueUps


@dataclass(frozen=True, slots=True)
class OpenBooks:
    """The books of an open month as they were at one moment.

    Attributes:
        version: identifies all of it.
        late: what changed of closed months, where this month has the corrections.
    """

    month: Month
    version: str
    config: Version
    late: Sequence[LateChange]


@dataclass(frozen=True, slots=True)
class BooksVersions:
    """Looks up the version of the books of open months."""

    books: Books
    catalogues: Catalogues
    periods: Periods
    publisher: Publisher

    async def of_open(self, period: BillingPeriod, now: datetime) -> OpenBooks:
        """The books of a month that is not closed, as they are."""
        month, control = period.month, self.periods.control
        config = await self.catalogues.version()
        calendar = config.catalogue.calendar
        oldest = next(iter(await self.periods.open_periods(now, calendar)), month)
        late = await late_changes(self.periods, self.books, calendar) if month == oldest else []
        decided_by = (
            (VIEWS_VERSION, __version__, self.publisher.decimals, month, period.state.value, config.name),
            sorted((await fences_of(self.books, calendar.utc_days(month))).items()),
            sorted((await TrueUps(control).digests()).items()),
            [each.month for each in await self.periods.closed()],
            late,
        )
        return OpenBooks(month, digest_of_books(decided_by), config, late)


def closed_version(period: BillingPeriod) -> str:
    """The version of the books of a closed month: that of its files."""
    return digest_of_books((VIEWS_VERSION, period.month, "closed", period.manifest))


def digest_of_books(decided_by: object) -> str:
    """Identifies values of any kind."""
    return blake2b(msgspec.json.encode(decided_by), digest_size=12).hexdigest()
