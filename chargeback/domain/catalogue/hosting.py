"""What a fine-tuned deployment costs by the hour, whether anybody calls it or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class HostingRate:
    """The price of one hour from `effective_from` (a whole UTC hour) until `effective_to`."""

    rate_id: str
    per_hour: Decimal
    currency: str
    effective_from: datetime
    effective_to: datetime | None
    source: str


Hosting = Mapping[tuple[str, str], Sequence[HostingRate]]
"""(model, deployment type) → its rates by time."""
