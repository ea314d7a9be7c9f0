"""POST /api/v1/events: takes CloudEvents, one or many at a time, as the Event Grid trigger does."""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, HTTPException, Request, Response

from chargeback.api.bodies import bounded
from chargeback.api.conventions.documents import Responses, either_answer, refusals
from chargeback.bootstrap import Container
from chargeback.domain.errors import InvalidEvent, StoreUnavailable
from chargeback.domain.events.emitters import Emitter
from chargeback.domain.events.usage_event import split_batch
from chargeback.log_line import log_line, one_run
from chargeback.services.usage.ingest import Ingested

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Four times what Event Grid delivers at once."""

MAX_BATCH_EVENTS = 5_000
"""What Event Grid delivers at once at most (learn.microsoft.com/azure/event-grid/quotas-limits)."""

SHOWN_FAULTS = 20
"""A sender sees the first faults of a batch; the quarantine has them all."""

EVENT_GRID_ORIGIN = "eventgrid.azure.net"


class EventFault(msgspec.Struct, frozen=True):
    """Why an event is in quarantine."""

    reason: str
    detail: str


class EventsTaken(msgspec.Struct, frozen=True):
    """What became of the events of a request.

    Attributes:
        accepted: how many are in the ledger, `late` ones included.
        duplicate: how many had been there before.
        late: how many came after their day was posted.
        quarantined: how many cannot be used.
        faults: what is wrong with the first of those.
    """

    accepted: int
    duplicate: int
    late: int
    quarantined: int
    faults: list[EventFault]


class EventGridHandshake(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to Event Grid's handshake in its own schema."""

    validation_response: str


TAKEN = either_answer(EventsTaken, EventGridHandshake) | refusals(400, 401, 413, 503)
HANDSHAKE: Responses = {200: {"description": "Event Grid may send."}}


def router(container: Container) -> APIRouter:
    """The events door and Event Grid's handshakes."""
    routes = APIRouter(tags=["events"], redirect_slashes=False)

    @routes.options("/events", operation_id="allowEvents", summary="Handshake of webhooks", responses=HANDSHAKE)
    async def handshake(
        origin: Annotated[str | None, Header(alias="WebHook-Request-Origin")] = None,
    ) -> Response:
        """The CloudEvents webhook handshake (CloudEvents HTTP WebHook 1.0, section 4), for Event Grid alone."""
        allowed = {"Allow": "POST"}
        if origin is not None and origin.lower() == EVENT_GRID_ORIGIN:
            allowed |= {"WebHook-Allowed-Origin": EVENT_GRID_ORIGIN, "WebHook-Allowed-Rate": "*"}
        return Response(status_code=200, headers=allowed)

    @routes.post(
        "/events", operation_id="sendEvents", summary="Send usage events", openapi_extra=_BODY, responses=TAKEN
    )
    async def take(
        request: Request,
        x_events_key: Annotated[str | None, Header()] = None,
        authorization: Annotated[str | None, Header()] = None,
        aeg_event_type: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Take CloudEvents: a single one, a JSON array or a CloudEvents batch.

        200 when every event is in the ledger and counted, or in quarantine with its reason; 503 when a store is
        away: send the same body again.
        """
        emitter = await _sender(container, x_events_key, authorization)
        body = await bounded(request, MAX_BODY_BYTES)
        if aeg_event_type == "SubscriptionValidation":
            return _json({"validationResponse": _validation_code(body)})
        events = _events(body)
        with one_run():
            outcome = await container.ingest.ingest_in_time(events, datetime.now(UTC), emitter=emitter)
        container.nudge_budgets()
        return _json(_told(outcome))

    return routes


def _told(outcome: Ingested) -> dict[str, Any]:
    return {
        "accepted": outcome.accepted,
        "duplicate": outcome.duplicate,
        "late": outcome.late,
        "quarantined": len(outcome.quarantined),
        "faults": [{"reason": each.reason, "detail": each.detail} for each in outcome.quarantined[:SHOWN_FAULTS]],
    }


async def _sender(container: Container, key: str | None, authorization: str | None) -> Emitter:
    """Who sends the request; 401 for anybody who is not known, 503 while that cannot be told."""
    scheme, _, token = (authorization or "").partition(" ")
    try:
        if key:
            found = await container.senders.of_key(key)
        else:
            found = await container.senders.of_token(token) if scheme.lower() == "bearer" else None
    except StoreUnavailable as error:
        # Where the keys are kept is nobody's business who has none.
        log_line(log, "sender_unknown", level=logging.WARNING, reason=error)
        raise HTTPException(
            503, "the keys cannot be read at the moment: send the same body again", {"Retry-After": "10"}
        ) from None
    if found is None:
        raise HTTPException(401, "send a key as header x-events-key, or an Entra token as bearer")
    return found


def _events(body: bytes) -> list[bytes]:
    try:
        return split_batch(body, most=MAX_BATCH_EVENTS)
    except InvalidEvent as error:
        if error.reason == "too-many":
            raise HTTPException(413, error.detail) from None
        raise


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": {"type": "object"}},
            "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/json": {"schema": {"type": ["object", "array"], "items": {"type": "object"}}},
        },
    }
}


def _json(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _validation_code(body: bytes) -> str:
    """The code of Event Grid's handshake in its own schema."""
    try:
        code = msgspec.json.decode(body)[0]["data"]["validationCode"]
    except (msgspec.DecodeError, LookupError, TypeError, UnicodeDecodeError, RecursionError):
        code = None
    if not isinstance(code, str):
        raise HTTPException(400, "a SubscriptionValidation event carries data.validationCode")
    return code
