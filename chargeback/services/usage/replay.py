"""Taking events through the same door again: from quarantine and from Event Grid's dead letters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.emitters import EVENT_GRID, OURSELVES, Emitter
from chargeback.domain.withheld import NOTHING
from chargeback.services.ports import DeadLetters, Quarantine, Rejected
from chargeback.services.usage.ingest import Ingest, Ingested


@dataclass(slots=True)
class Replayed:
    """What a replay did."""

    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def add(self, outcome: Ingested) -> None:
        """Add one batch's outcome."""
        self.accepted += outcome.accepted
        self.duplicate += outcome.duplicate
        self.quarantined += len(outcome.quarantined)


async def replay_quarantine(
    quarantine: Quarantine, ingest: Ingest, now: datetime, emitters: Sequence[Emitter] = ()
) -> Replayed:
    """Ingest every quarantined event as sent by who sent it; what is still unusable stays in quarantine.

    An event of which nothing could be kept, and one of an emitter that is no longer known, stays as it is.
    """
    known = {each.id: each for each in (EVENT_GRID, OURSELVES, *emitters)}
    # Older versions kept no sender: everything came through the gateways' one door then.
    known[""] = EVENT_GRID
    replayed = Replayed()
    for batch in await quarantine.batches():
        await _replay_batch(batch, quarantine, ingest, now, known, replayed)
    return replayed


async def _replay_batch(
    batch: str,
    quarantine: Quarantine,
    ingest: Ingest,
    now: datetime,
    known: Mapping[str, Emitter],
    replayed: Replayed,
) -> None:
    entries = await quarantine.get(batch)
    arrived = batch.split("/", 1)[0]
    left = [each for each in entries if each.emitter not in known or each.raw.startswith(NOTHING)]
    replayed.quarantined += len(left)
    if len(left) == len(entries):
        return
    if left:
        await quarantine.put(left, arrived)
    kept: list[Rejected] = []
    for emitter in dict.fromkeys(each.emitter for each in entries if each not in left):
        events = [each.raw for each in entries if each.emitter == emitter and each not in left]
        outcome = await ingest.ingest(events, now, emitter=known[emitter], arrived=arrived)
        replayed.add(outcome)
        kept += outcome.quarantined
    # A batch of which nothing is usable was kept under the very same name.
    if [each.raw for each in kept] != [each.raw for each in entries]:
        await quarantine.remove(batch)


async def replay_dead_letters(letters: DeadLetters, ingest: Ingest, now: datetime) -> Replayed:
    """Ingest every event that Event Grid gave up on; what is unusable goes to quarantine."""
    replayed = Replayed()
    for batch in await letters.batches():
        replayed.add(await ingest.ingest(await letters.get(batch), now, emitter=EVENT_GRID))
        await letters.remove(batch)
    return replayed
