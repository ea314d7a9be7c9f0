"""POST /api/v1/events: CloudEvents through the same door as the trigger's, one or many at a time."""

import hmac
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, HTTPException, Query, Request, Response

from chargeback.bootstrap import Container
from chargeback.domain.events import split_batch
from chargeback.log_line import one_run

MAX_BODY_BYTES = 32 * 1024 * 1024
SHOWN_FAULTS = 20
"""A sender sees the first faults of a batch; the quarantine has them all."""


def router(container: Container) -> APIRouter:
    """The events door and Event Grid's handshakes."""
    routes = APIRouter(tags=["events"])

    async def authorise(code: str | None, header: str | None) -> None:
        given = header or code or ""
        if not hmac.compare_digest(given.encode(), (await container.events_key()).encode()):
            raise HTTPException(401, "send the events key as header x-events-key or query parameter code")

    @routes.options("/events")
    async def handshake(
        origin: Annotated[str | None, Header(alias="WebHook-Request-Origin")] = None,
    ) -> Response:
        """The CloudEvents webhook handshake (CloudEvents HTTP WebHook 1.0, section 4)."""
        allowed = {"Allow": "POST"}
        if origin:
            allowed |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
        return Response(status_code=200, headers=allowed)

    @routes.post("/events", openapi_extra=_BODY)
    async def take(
        request: Request,
        code: Annotated[str | None, Query()] = None,
        x_events_key: Annotated[str | None, Header()] = None,
        aeg_event_type: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Take CloudEvents: a single one, a JSON array or a CloudEvents batch.

        200 when every event is in the ledger and counted, or in quarantine with its reason; 503 when a store is
        away: send the same body again.
        """
        await authorise(code, x_events_key)
        body = await request.body()
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body has {len(body)} bytes; the limit is {MAX_BODY_BYTES}")
        if aeg_event_type == "SubscriptionValidation":
            return _json({"validationResponse": _validation_code(body)})
        with one_run():
            outcome = await container.ingest.ingest(split_batch(body), datetime.now(UTC))
        return _json(
            {
                "accepted": outcome.accepted,
                "duplicate": outcome.duplicate,
                "late": outcome.late,
                "quarantined": len(outcome.quarantined),
                "faults": [
                    {"reason": each.reason, "detail": each.detail} for each in outcome.quarantined[:SHOWN_FAULTS]
                ],
            }
        )

    return routes


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": {"type": "object"}},
            "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "application/json": {"schema": {"oneOf": [{"type": "object"}, {"type": "array"}]}},
        },
    }
}


def _json(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _validation_code(body: bytes) -> str:
    """The code of Event Grid's handshake in its own schema."""
    try:
        return str(msgspec.json.decode(body)[0]["data"]["validationCode"])
    except (msgspec.DecodeError, LookupError, TypeError):
        raise HTTPException(400, "a SubscriptionValidation event carries data.validationCode") from None
