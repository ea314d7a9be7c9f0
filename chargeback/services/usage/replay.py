"""Taking events through the same door again: from quarantine and from Event Grid's dead letters."""

from dataclasses import dataclass
from datetime import datetime

from chargeback.services.ports import DeadLetters, Quarantine
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


async def replay_quarantine(quarantine: Quarantine, ingest: Ingest, now: datetime) -> Replayed:
    """Ingest every quarantined event; what is still unusable stays where it is."""
    replayed = Replayed()
    for batch in await quarantine.batches():
        events = [each.raw for each in await quarantine.get(batch)]
        outcome = await ingest.ingest(events, now, arrived=batch.split("/", 1)[0])
        replayed.add(outcome)
        # A batch of which nothing is usable was kept under the very same name.
        if len(outcome.quarantined) < len(events):
            await quarantine.remove(batch)
    return replayed


async def replay_dead_letters(letters: DeadLetters, ingest: Ingest, now: datetime) -> Replayed:
    """Ingest every event that Event Grid gave up on; what is unusable goes to quarantine."""
    replayed = Replayed()
    for batch in await letters.batches():
        replayed.add(await ingest.ingest(await letters.get(batch), now))
        await letters.remove(batch)
    return replayed
