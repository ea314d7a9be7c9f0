"""The events of a day's ledger that a counter has to hear of, so that it counts exactly what the recount counts.

The recount says which events to leave out: those that repeat an earlier one of their call and phase, in the ledger's
order of time, and those of calls that a neighbouring day accounts for. What is left has one event at most for each call
and phase, so the order in which the counter hears of it decides nothing.
"""

from collections.abc import AsyncGenerator

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events import UsageEvent, read_filed
from chargeback.services.ports import Ledger
from chargeback.services.usage.recount import pieces, recount
from chargeback.services.usage.reread import MAX_EVENTS


async def heard_events(ledger: Ledger, day: str) -> AsyncGenerator[list[UsageEvent]]:
    """The events to count, a piece of the ledger at a time; those that cannot be read are left to the audit."""
    extent = await ledger.extent(day)
    if not extent:
        return
    async with recount(ledger, day, workers=0, within=extent) as recounted:
        number = 0
        async for text, _ in pieces(ledger.stamped(day, extent)):
            unheard = await recounted.unheard(number)
            yield _read(text, day, number * MAX_EVENTS, unheard)
            number += 1


def _read(text: bytes, day: str, first: int, unheard: set[int]) -> list[UsageEvent]:
    events: list[UsageEvent] = []
    for position, raw in enumerate(text.removesuffix(b"\n").split(b"\n"), first):
        if position in unheard:
            continue
        try:
            events.append(read_filed(raw, day))
        except InvalidEvent:
            continue
    return events
