"""Lists the events of a day that contradict an earlier event of their call: who said what, and when."""

from dataclasses import dataclass

import msgspec

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.usage_event import read_filed
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.ledger import Ledger
from chargeback.services.usage.recount import recount


@dataclass(frozen=True, slots=True)
class Conflicting:
    """One event of a call about which events differ, in the ledger's order of the call.

    Attributes:
        call: the identity of the call.
        written: when the event came into the ledger, in microseconds since 1970; 0 if an older version wrote it.
        source: the event's.
        id: the event's.
        type: the event's.
        time: the event's.
    """

    call: str
    written: int
    source: str
    id: str
    type: str
    time: str


class _Head(msgspec.Struct):
    source: str
    id: str
    type: str
    time: str


async def list_conflicts(ledger: Ledger, day: UtcDay, *, workers: int = 0, limit: int = 50) -> list[Conflicting]:
    """Every event of the first calls about which the day's events differ."""
    async with recount(ledger, day, workers=workers) as recounted:
        calls = set(await recounted.conflicting(limit))
    found: list[Conflicting] = []
    if not calls:
        return found
    async for block in ledger.stamped_blocks(day):
        for raw in block.text.splitlines():
            try:
                event = read_filed(raw, day)
            except InvalidEvent:
                continue
            if event.call in calls:
                head = msgspec.json.decode(event.raw, type=_Head)
                found.append(Conflicting(event.call, block.written, head.source, head.id, head.type, head.time))
    return sorted(found, key=lambda each: (each.call, each.written))
