"""What a fine-tuned deployment costs by the hour, whether anybody calls it or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chargeback.domain.time.effective import Effective


@dataclass(frozen=True, slots=True)
class HostingRate:
    """The price of one hour while `effective` holds."""

    rate_id: str
    per_hour: Decimal
    currency: str
    effective: Effective
    source: str

    def row(self) -> str:
        """As a string, for digests."""
        return str((self.rate_id, self.per_hour, self.currency, self.effective.start, self.effective.end, self.source))


Hosting = Mapping[tuple[str, str], Sequence[HostingRate]]
"""(model, deployment type) → its rates by time."""
