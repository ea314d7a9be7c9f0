"""Which caller owns a stored object: the one whose call made it.

A call leaves objects on its account, where later calls can name them: responses, conversations, files, uploads, vector
stores, batches and fine-tuning jobs. The gateway's events name them (`objectId`); nobody else's are believed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.documents import Data, EventDocument, read_document
from chargeback.domain.events.event_types import EventType
from chargeback.domain.events.times import hour_of
from chargeback.domain.events.usage_event import GATEWAYS
from chargeback.domain.time.days import start_of

RESPONSES_KEPT = timedelta(days=32)
"""From the day on which they were made: responses are deleted after 30 days
(learn.microsoft.com/azure/ai-foundry/openai/how-to/responses). Everything else stays until somebody deletes it."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:.-]{0,255}", re.A)
_NAMED = b'"objectId":'
_BEGUN = b'"responseId":'
_LASTING = ("responses", "batches", "fine_tuning.jobs")
_KEPT_SHORTLY = ("resp_", "chatcmpl-")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object.

    Attributes:
        id: its name, as the service gave it.
        owner: `subscription/<id>`, or `entra/<tenant>/<object id>` of a caller without one.
        product: the product that the call was made under; empty for none.
        backend: the host of the account that has it; empty where no answer said.
        deployment: the deployment that made it; empty for none.
        expires: when the service has deleted it, UTC; None: not by itself.
    """

    id: str
    owner: str
    product: str
    backend: str
    deployment: str
    expires: datetime | None = None


def owner_of(data: Data) -> str | None:
    """Who made the call, None where nobody was verified.

    The object id of a token is that of the user or service principal who asks, whatever the client
    (learn.microsoft.com/entra/identity-platform/access-token-claims-reference); the application's would make all users
    of a shared client one owner.
    """
    if data.subscription_id:
        return f"subscription/{data.subscription_id}"
    principal = data.user_object_id or data.app_id
    return f"entra/{data.tenant_id}/{principal}" if data.tenant_id and principal else None


def objects_in(raw_events: Iterable[bytes]) -> list[StoredObject]:
    """The objects that these events of a ledger made, in their order; events without one are only scanned as bytes."""
    return [made for raw in raw_events if _NAMED in raw for made in objects_made(raw)]


def all_objects_in(raw_events: Iterable[bytes]) -> list[StoredObject]:
    """As `objects_in`, with the responses, batches and jobs that older gateways named in other fields.

    An id that occurs twice belongs to the first call.
    """
    named = [raw for raw in raw_events if _NAMED in raw or _BEGUN in raw]
    return list({made.id: made for raw in reversed(named) for made in objects_made(raw)}.values())[::-1]


def objects_made(raw: bytes) -> Iterator[StoredObject]:
    """The objects that a call made: several where a job that has ended left files; none where it cannot be read."""
    try:
        event = read_document(raw)
        day, _ = hour_of(event.time)
    except InvalidEvent:
        return
    data, owner = event.data, owner_of(event.data)
    names = data.object_id or _begun(event)
    if not (names and owner and event.source.startswith(GATEWAYS)):
        return
    deleted = start_of(day) + RESPONSES_KEPT
    for name in filter(_ID.fullmatch, names.split(",")):
        expires = deleted if name.startswith(_KEPT_SHORTLY) else None
        yield StoredObject(name, owner, data.product_id or "", data.backend or "", data.deployment or "", expires)


def _begun(event: EventDocument) -> str | None:
    """The object that a call began; a later look at it, which settles the call, may come from another caller."""
    data = event.data
    begins = (
        data.method == "POST"
        and data.operation in _LASTING
        and event.type != EventType.SETTLED
        and (data.status_code or 200) < 400
    )
    return data.response_id if begins else None
