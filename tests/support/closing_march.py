"""A March with six calls, whose grace for late events ends on 4 April."""

from datetime import UTC, datetime, timedelta

from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
AFTER_GRACE = APRIL + timedelta(hours=72)
EVENTS = [
    usage_event(id=f"{day}-{n}", time=f"2026-{day}T09:0{n}:00Z", usage=tokens(1_000_000, 0))
    for day in ("03-05", "03-20", "03-31")
    for n in range(2)
]


async def march(in_memory: ClosingProduct | None = None) -> ClosingProduct:
    """Six calls of a million input tokens each, on three days of March."""
    in_memory = in_memory or ClosingProduct()
    for event in EVENTS:
        await in_memory.ingest([event], APRIL - timedelta(minutes=5))
    return in_memory
