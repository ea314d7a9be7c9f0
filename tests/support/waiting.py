"""Lists all calls in a counter that wait for their tokens."""

from chargeback.services.ports.counter import Counter


async def all_pending(counter: Counter, day: str) -> list[bytes]:
    """The events of calls whose tokens are not known yet, each once."""
    return list(dict.fromkeys([raw async for page in counter.pending(day) for raw in page]))
