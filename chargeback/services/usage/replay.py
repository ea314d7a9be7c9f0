"""Ingests events again from quarantine and from Event Grid's dead letters, as if they had just arrived."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from chargeback.domain.events.emitters import EVENT_GRID, GATEWAY, OURSELVES, Emitter, is_below
from chargeback.domain.events.withheld import NOTHING
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.ledger import DeadLetters, Quarantine, Rejected
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.usage.ingest import Ingest, Ingested

_UNSIGNED = ""
"""The sender of what older versions kept."""


@dataclass(slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        failed: batches that could not be replayed, with the reason; they stay where they are.
    """

    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, outcome: Ingested) -> None:
        """Add one batch's outcome."""
        self.accepted += outcome.accepted
        self.duplicate += outcome.duplicate
        self.quarantined += len(outcome.quarantined)

    async def attempt(self, batch: str, work: Awaitable[None]) -> None:
        """Replay a batch, which may fail without keeping the others from being replayed."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 whatever is wrong with one batch
            self.failed[batch] = reason_of(error)


async def replay_quarantine(
    quarantine: Quarantine,
    ingest: Ingest,
    now: datetime,
    emitters: Sequence[Emitter] = (),
    *,
    trust_unsigned: bool = False,
) -> Replayed:
    """Ingest every quarantined event as sent by who sent it; what is still unusable stays in quarantine.

    An event of which nothing could be kept, and one of an emitter that is no longer known, stays as it is. Older
    versions kept no sender, and one key spoke for everybody then: what says that it is a gateway's stays, too, unless
    somebody looked at it and says `trust_unsigned`.
    """
    known = {each.id: each for each in (EVENT_GRID, OURSELVES, *emitters)}
    if trust_unsigned:
        known[_UNSIGNED] = EVENT_GRID
    replayed = Replayed()
    for batch in await quarantine.batches():
        await replayed.attempt(batch, _replay_batch(batch, quarantine, ingest, now, known, replayed))
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
    arrived = UtcDay(batch.split("/", 1)[0])
    senders = [_sender(each, known) for each in entries]
    left = [each for each, sender in zip(entries, senders, strict=True) if sender is None]
    replayed.quarantined += len(left)
    if len(left) == len(entries):
        return
    if left:
        await quarantine.put(left, arrived)
    kept: list[Rejected] = []
    for emitter in dict.fromkeys(sender for sender in senders if sender is not None):
        events = [each.raw for each, sender in zip(entries, senders, strict=True) if sender == emitter]
        outcome = await ingest.ingest(events, now, emitter=emitter, arrived=arrived)
        replayed.add(outcome)
        kept += outcome.quarantined
    # A batch of which nothing is usable was kept under the very same name.
    if [each.raw for each in kept] != [each.raw for each in entries]:
        await quarantine.remove(batch)


def _sender(entry: Rejected, known: Mapping[str, Emitter]) -> Emitter | None:
    """The sender that an event counts as; None if it is not taken."""
    if entry.raw.startswith(NOTHING):
        return None
    if entry.emitter == _UNSIGNED and not _is_of_gateway(entry.raw):
        return OURSELVES
    return known.get(entry.emitter)


class _Sourced(msgspec.Struct):
    source: str


def _is_of_gateway(raw: bytes) -> bool:
    try:
        return is_below(msgspec.json.decode(raw, type=_Sourced).source, GATEWAY)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # the door cannot read it either


async def replay_dead_letters(letters: DeadLetters, ingest: Ingest, now: datetime) -> Replayed:
    """Ingest every event that Event Grid gave up on; what is unusable goes to quarantine."""
    replayed = Replayed()
    for batch in await letters.batches():
        await replayed.attempt(batch, _replay_letters(batch, letters, ingest, now, replayed))
    return replayed


async def _replay_letters(batch: str, letters: DeadLetters, ingest: Ingest, now: datetime, replayed: Replayed) -> None:
    replayed.add(await ingest.ingest(await letters.get(batch), now, emitter=EVENT_GRID))
    await letters.remove(batch)
