"""Which requests the Event Grid topic accepts: CloudEvents 1.0, single or batched, within its limits."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_BYTES = 1024 * 1024
MAX_EVENTS = 5000
ATTRIBUTE = re.compile(r"^[a-z0-9]{1,20}$")
KNOWN = {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data"}
RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class RefusedError(Exception):
    """The publisher's request is not acceptable; `status` is the service's answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class PublishedEvent:
    """One accepted event on its way to one subscription."""

    body: bytes
    published: datetime
    attempts: int = 0
    outcome: str = ""
    attempted: datetime | None = None


def parse(body: bytes, content_type: str) -> list[tuple[bytes, str]]:
    """Return each event's bytes and type; raise `RefusedError` as the service would answer."""
    if len(body) > MAX_BYTES:
        raise RefusedError(413, f"the request is larger than {MAX_BYTES} bytes")
    try:
        if content_type == BATCH:
            events = [bytes(event) for event in RAW_ARRAY.decode(body)]
        elif content_type == SINGLE:
            events = [body]
        else:
            raise RefusedError(400, f"content type {content_type!r}: a CloudEvents topic takes {SINGLE} or {BATCH}")
        if len(events) > MAX_EVENTS:
            raise RefusedError(400, f"more than {MAX_EVENTS} events in one request")
        return [(event, _check(msgspec.json.decode(event), index)) for index, event in enumerate(events)]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(400, f"the body is not JSON of the announced kind: {error}") from error


def _check(event: Any, index: int) -> str:
    fault = _fault(event)
    if fault:
        raise RefusedError(400, f"event {index}: {fault}")
    return str(event["type"])


def _fault(event: Any) -> str | None:
    if not isinstance(event, dict):
        return "not a JSON object"
    if event.get("specversion") != "1.0":
        return "specversion must be 1.0"
    for name in ("id", "source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            return f"{name} must be a non-empty string"
    if "data" in event and "data_base64" in event:
        return "data and data_base64 exclude each other"
    strange = [name for name in event if name not in KNOWN and name != "data_base64" and not ATTRIBUTE.match(name)]
    if strange:
        return f"attribute {strange[0]!r} is not 1 to 20 lower-case letters and digits"
    return _time_fault(event.get("time"))


def _time_fault(time: Any) -> str | None:
    if time is None:
        return None
    try:
        naive = datetime.fromisoformat(time).tzinfo is None
    except (TypeError, ValueError):
        naive = True
    return f"time {time!r} is not an RFC 3339 timestamp" if naive else None
