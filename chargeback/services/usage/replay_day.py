"""Which events of a day's ledger a lost counter has to count again to agree exactly with the recount.

The recount says which events to leave out: those that repeat an earlier one of their call and phase, in the ledger's
order of time, and those of calls that a neighbouring day accounts for, except for the other identity by which their
calls are known. At most one event is left for each call and phase, so the order in which the counter gets them does not
matter.
"""

from collections.abc import AsyncGenerator, Mapping

from chargeback.domain.cost_centres.folding import NamedValues
from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.phases import claim_alone
from chargeback.domain.events.usage_event import UsageEvent, read_filed
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.lines import Line
from chargeback.services.ports.ledger import Ledger
from chargeback.services.usage.audit_results import AuditResult
from chargeback.services.usage.recount import ledger_pieces, recount
from chargeback.services.usage.reread import MAX_EVENTS
from chargeback.services.usage.shortfall import require_events


async def heard_events(
    ledger: Ledger, day: UtcDay, named: NamedValues, audit: AuditResult | None = None
) -> AsyncGenerator[list[UsageEvent]]:
    """The events to count, a piece of the ledger at a time; those that cannot be read are left to the audit.

    Raises `LedgerShort` before the first of them where there are fewer than the last `audit` found, or were appended.
    """
    extent = await ledger.extent(day)
    if not extent:
        return
    async with recount(ledger, day, workers=0, named=named, within=extent) as recounted:
        require_events(day, audit, recounted.events, recounted.missing)
        number = 0
        async for text, _ in ledger_pieces(ledger.stamped_blocks(day, extent)):
            unheard, folded = await recounted.unheard(number), await recounted.folded(number)
            yield _read(text, day, number * MAX_EVENTS, unheard, folded)
            number += 1


def _read(text: bytes, day: UtcDay, first: int, unheard: set[int], folded: Mapping[int, Line]) -> list[UsageEvent]:
    events: list[UsageEvent] = []
    for position, raw in enumerate(text.removesuffix(b"\n").split(b"\n"), first):
        try:
            event = read_filed(raw, day)
        except InvalidEvent:
            continue
        if position not in unheard:
            events.append(event._replace(line=folded[position]) if position in folded else event)
        elif event.claim is not None:
            events.append(claim_alone(event))
    return events
