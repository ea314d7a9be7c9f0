"""Which fields of a usage event are kept: the known fields of a CloudEvent; all others are dropped while reading.

The one type that reads an event, at the door and wherever it is read again. What older versions accepted stays
readable: a field that they did not look at is left out where it has another type than it should.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.usage.usage_objects import OwnQuantities, Usage, tidied

Name = Annotated[str, Meta(max_length=512)] | None
Identity = Annotated[str, Meta(min_length=1, max_length=1024)]


class Data(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What an event says about its call; see the design of the events in `docs/decisions/ledger-format.md`."""

    operation: Annotated[str, Meta(min_length=1, max_length=128)]
    method: Name = None
    api_version: Name = None
    requested_model: Name = None
    deployment: Name = None
    model: Name = None
    provider: Name = None
    requested_tier: Name = None
    service_tier: Name = None
    backend: Name = None
    gateway_region: Name = None
    client_region: Name = None
    attempts: int | None = None
    tried_backends: tuple[Annotated[str, Meta(max_length=256)], ...] | None = None
    spilled_from: Name = None
    status_code: int | None = None
    error_code: Name = None
    duration_ms: int | None = None
    stream: bool | None = None
    response_id: Name = None
    object_id: Name = None
    decision: Name = None
    subscription_id: Name = None
    product_id: Name = None
    apim_user_id: Name = None
    tenant_id: Name = None
    app_id: Name = None
    user_object_id: Name = None
    username: Name = None
    company_name: Name = None
    billing_code: Name = None
    request_characters: int | None = None
    max_output_tokens: int | None = None
    usage: Usage | None = None
    usage_source: Name = None
    estimate_basis: Name = None
    quantities: OwnQuantities | None = None
    tools: dict[str, int] | None = None
    image_deployment: Name = None
    training_type: Name = None
    gateway_event_id: Name = None
    gateway_event_source: Name = None


class EventDocument(msgspec.Struct, frozen=True, gc=False):
    """A CloudEvent reduced to what accounts for a call."""

    specversion: str
    id: Identity
    source: Identity
    type: str
    time: str
    data: Data


encode_document = msgspec.json.Encoder().encode
"""Encodes an event as it is kept: its known fields, on one line."""

_decode = msgspec.json.Decoder(EventDocument).decode
_decode_any = msgspec.json.Decoder().decode

_ONCE_UNREAD = {
    "apiVersion": str,
    "requestedModel": str,
    "requestedTier": str,
    "gatewayRegion": str,
    "clientRegion": str,
    "attempts": int,
    "spilledFrom": str,
    "errorCode": str,
    "durationMs": int,
    "stream": bool,
    "objectId": str,
    "decision": str,
    "estimateBasis": str,
    "requestCharacters": int,
    "maxOutputTokens": int,
    "imageDeployment": str,
    "trainingType": str,
    "gatewayEventId": str,
    "gatewayEventSource": str,
}
"""Fields that describe the call and that older versions did not look at, with their types."""


def read_document(raw: bytes) -> EventDocument:
    """Read one CloudEvent in JSON. Raises `InvalidEvent` with what is wrong and where, never with a value of it."""
    try:
        if not raw.isascii():
            # The decoder skips unknown fields without a look at their encoding.
            raw.decode()
        try:
            document = _decode(raw)
            if document.data.usage is None or document.data.usage.unknown is None:
                return document
        except msgspec.ValidationError:
            pass
        return msgspec.convert(_tidied(_decode_any(raw)), EventDocument)
    except msgspec.ValidationError as error:
        raise InvalidEvent("unexpected-shape", str(error)) from None
    except UnicodeDecodeError:
        raise InvalidEvent("not-json", "the event is not UTF-8") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidEvent("not-json", str(error)) from None


def _tidied(event: Any) -> Any:
    """The event without unreadable descriptions, and with its unknown counters in their place."""
    data = event.get("data") if isinstance(event, dict) else None
    if not isinstance(data, dict):
        return event
    kept = {name: value for name, value in data.items() if _is_readable(name, value)}
    if isinstance(data.get("usage"), Mapping):
        kept["usage"] = tidied(data["usage"])
    return {**event, "data": kept}


def _is_readable(name: str, value: object) -> bool:
    if name == "triedBackends":
        return isinstance(value, list) and all(isinstance(host, str) and len(host) <= 256 for host in value)
    if name == "tools":
        return isinstance(value, dict) and all(type(count) is int for count in value.values())
    kind = _ONCE_UNREAD.get(name)
    if kind is None or value is None:
        return True
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, kind) and (not isinstance(value, str) or len(value) <= 512)


def outline(raw: bytes) -> bytes:
    """The fields of an accepted event that settlement and its call's identity need; it waits in memory for days."""
    document = _decode(raw)
    data = msgspec.structs.replace(document.data, **dict.fromkeys(_NOT_IN_OUTLINES))
    return encode_document(msgspec.structs.replace(document, data=data))


_NOT_IN_OUTLINES = (
    "api_version",
    "requested_model",
    "client_region",
    "attempts",
    "tried_backends",
    "duration_ms",
    "decision",
)
"""Fields that only describe a call; the ledger keeps them."""
