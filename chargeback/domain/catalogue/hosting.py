"""What a fine-tuned deployment costs by the hour, whether anybody calls it or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.time.effective import Effective


@dataclass(frozen=True, slots=True)
class HostingRate:
    """The price of one hour while `effective` holds; `verified`: how it is known, None where nobody said."""

    rate_id: str
    per_hour: Decimal
    currency: str
    effective: Effective
    source: str
    verified: Verified | None = None

    def row(self) -> str:
        """As a string, for digests."""
        known = (self.verified.value,) if self.verified else ()
        start, end = self.effective.start, self.effective.end
        return str((self.rate_id, self.per_hour, self.currency, start, end, self.source, *known))


Hosting = Mapping[tuple[str, str], Sequence[HostingRate]]
"""(model, deployment type) → its rates by time."""
