"""How batches of quarantined events are named, and how dead letters are read."""

from collections.abc import Sequence
from hashlib import sha256

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.usage_event import split_batch
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.ledger import Rejected


def quarantine_name(rejected: Sequence[Rejected], day: UtcDay) -> str:
    """A batch's name by its content: where one event ends and the next begins is part of it."""
    events = b"".join(sha256(each.raw).digest() for each in rejected)
    return f"{day}/{sha256(events).hexdigest()[:32]}.ndjson"


def dead_letters(body: bytes) -> list[bytes]:
    """The events of a dead letter; one that is damaged counts as one event, for quarantine to keep."""
    try:
        return split_batch(body)
    except InvalidEvent:
        return [body]
