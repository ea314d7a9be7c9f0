"""Reads a usage event: one CloudEvent is validated and reduced to the call that it accounts for.

Its type (`EventType`) says what it tells of the call. `id` is the gateway's request id, with a phase suffix for later
phases (`…/settled`); `time` is when the call was made, repeated by every later phase.
"""

from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.documents import Data, EventDocument, Identity, encode_document, read_document
from chargeback.domain.events.event_types import EventType, UsageSource
from chargeback.domain.events.line_of_event import line_of
from chargeback.domain.events.states import COUNTED, line_state
from chargeback.domain.events.times import EVER, AcceptedTimes, hour_of
from chargeback.domain.events.variants import PLAIN, variant_of
from chargeback.domain.time.days import UtcDay, shifted
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Meter, Quantities, is_measured, normalise, unknown_counts
from chargeback.domain.usage.operations import CANCEL, RESPONSES
from chargeback.domain.usage.speech import SPEECH, speech_tokens
from chargeback.domain.usage.states import LineState
from chargeback.domain.usage.tiers import served_tier
from chargeback.domain.usage.tools import NO_TOOLS, tool_use

__all__ = [
    "EVER",
    "AcceptedTimes",
    "Phase",
    "UsageEvent",
    "account_for",
    "call_identity",
    "read_event",
    "read_filed",
    "read_filed_as_is",
    "split_batch",
]

MAX_EVENT_BYTES = 1_048_576
"""Event Grid's limit for one event (learn.microsoft.com/azure/event-grid/quotas-limits)."""


class Phase(IntEnum):
    """How far an event settles its call: the highest phase says what it used, the lowest of its own who made it.

    BESIDE is what another emitter says about a call that the gateway accounts for; RECOVERED is a call that only the
    gateway's log knew. Whatever the gateway's own events say of the call ranks above both; see `phases`.
    A POLL (GET or cancel of a background response that reports usage) only counts where an earlier phase of the call is
    known: fetching an answer that was already accounted for costs nothing, and so does a reading that was broken off.
    """

    BESIDE = -1
    RECOVERED = 0
    PENDING = 1
    SETTLED = 2
    POLL = 3
    FINAL = 4


class UsageEvent(NamedTuple):
    """One accepted event.

    Attributes:
        call: identity of the call, 32 hexadecimal digits; events of one call share it.
        phase: how far this event settles the call.
        day: UTC day of the call, `YYYY-MM-DD`.
        hour: UTC hour of the call, 0 to 23.
        line: the dimensions that the call is counted under.
        quantities: the disjoint meters, `requests` included; zeros left out.
        raw: the event's known fields, as JSON on one line.
        claim: the identity by which the gateway's log and other emitters know a call that is known by its response;
            what they say about it is part of this call.
    """

    call: str
    phase: Phase
    day: UtcDay
    hour: int
    line: Line
    quantities: Quantities
    raw: bytes
    claim: str | None = None


class _Identified(msgspec.Struct, frozen=True, gc=False):
    id: Identity


_decode_id = msgspec.json.Decoder(_Identified).decode
_COMMAS = 100
"""No event has so many; counting them costs nothing, and tells an array of far too many before it is taken apart."""

_decode_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode

# Members bound once: an attribute of an Enum class costs a Python-level lookup, and this runs for every event.
_BESIDE, _RECOVERED, _PENDING, _SETTLED, _POLL, _FINAL = Phase
_REQUESTS = Meter.REQUESTS
_EXACT, _ESTIMATED, _UNSETTLED = LineState.EXACT, LineState.ESTIMATED, LineState.UNSETTLED
_REJECTED = EventType.REJECTED

_PHASES = {
    EventType.RECORDED.value: _FINAL,
    EventType.REJECTED.value: _FINAL,
    EventType.SETTLED.value: _SETTLED,
    EventType.PENDING.value: _PENDING,
}
_CALLING = (None, "POST")
"""Methods of calls that use tokens; older events name none."""

GATEWAYS = "/apim/"
"""The sources of the gateways' own events begin so."""

_TEXT_ALONE = (UsageSource.LOG.value, UsageSource.LOG_ALONE.value, UsageSource.ESTIMATED.value)


def id_in(raw: bytes) -> str | None:
    """The id of an event that may be otherwise unusable; None if it has no readable one."""
    try:
        return _decode_id(raw).id
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def read_event(raw: bytes, accepted: AcceptedTimes) -> UsageEvent:
    """Read one CloudEvent in JSON. Raises `InvalidEvent` with what is wrong and where."""
    return account_for(_read(raw), accepted)


def _read(raw: bytes) -> EventDocument:
    if len(raw) > MAX_EVENT_BYTES:
        raise InvalidEvent("too-large", f"the event has {len(raw)} bytes; the limit is {MAX_EVENT_BYTES}")
    return read_document(raw)


def account_for(event: EventDocument, accepted: AcceptedTimes, raw: bytes | None = None) -> UsageEvent:
    """The call that a document accounts for; `raw` is what the event keeps as its own, or it is encoded again.

    Raises `InvalidEvent`.
    """
    if event.specversion != "1.0":
        raise InvalidEvent("unexpected-shape", "specversion is not '1.0' - at `$.specversion`")
    phase = _PHASES.get(event.type)
    if phase is None:
        raise InvalidEvent("unknown-type", "type is not one of chargeback.usage.*.v1 - at `$.type`")
    day, hour = hour_of(event.time)
    accepted.check(day, hour)
    data = _of_what_was_begun(event.data) if phase is _SETTLED else event.data
    usage = None if _is_sound_as_text(data) else data.usage
    quantities: Quantities = {}
    is_rejected = event.type == _REJECTED
    if not is_rejected and phase is not _PENDING:
        quantities = normalise(usage, data.quantities, data.operation)
        if data.operation == SPEECH and Meter.CHARACTERS in quantities:
            quantities |= speech_tokens(data.quantities)
    measured = bool(quantities) or is_measured(usage, data.quantities)
    state = _EXACT if measured and phase is _FINAL else line_state(event.type, data, measured=measured)
    tier = served_tier(data.service_tier, None if is_rejected else data.requested_tier)
    # A response that is read while it goes on has items, too, and its usage later.
    used = data.tools if (measured or phase is _PENDING) and not is_rejected else None
    tools = tool_use(used) if used else NO_TOOLS
    variant = PLAIN if is_rejected else variant_of(data, quantities, tools)
    if state in COUNTED and (tier.estimated or tools.estimated or variant.estimated):
        state = _ESTIMATED
    if state is not _UNSETTLED:
        tools.add_to(quantities)
    line = line_of(data, tier.name, variant.name, state)
    if phase is not _PENDING and not is_rejected and (unknown := unknown_counts(data.usage)):
        quantities[Meter.UNKNOWN] = unknown + quantities.get(Meter.UNKNOWN, 0)
    quantities[_REQUESTS] = 1
    call, claim = _identities(event)
    kept = encode_document(event) if raw is None else raw
    return UsageEvent(call, _phase(phase, event.data), day, hour, line, quantities, kept, claim)


def _of_what_was_begun(data: Data) -> Data:
    """The usage that a cancel reports is the response's."""
    return msgspec.structs.replace(data, operation=RESPONSES) if data.operation == CANCEL else data


def _is_sound_as_text(data: Data) -> bool:
    """Whether a usage counts sound or pictures as text, at a fraction of their cost, as the gateway's log does."""
    return data.usage_source in _TEXT_ALONE and data.operation.startswith(("audio.", "images."))


def _phase(phase: Phase, data: "Data | _HeadData") -> Phase:
    if data.gateway_event_id and data.gateway_event_source:
        return _BESIDE
    if phase is _SETTLED and (data.method == "GET" or data.operation == CANCEL):
        return _POLL
    if phase is _PENDING and data.method not in _CALLING:
        return _POLL
    return _RECOVERED if phase is _SETTLED and data.usage_source == UsageSource.LOG_ALONE else phase


def read_filed(raw: bytes, day: UtcDay) -> UsageEvent:
    """Read an event of a day's ledger again. Raises `InvalidEvent`, also where the event belongs to another day."""
    event = read_event(raw, EVER)
    return event if event.day == day else refiled(event, day)


def read_filed_as_is(raw: bytes, day: UtcDay) -> UsageEvent:
    """The same without encoding the event again: its `raw` is as it was filed, by whichever version."""
    event = account_for(_read(raw), EVER, raw)
    return event if event.day == day else refiled(event, day)


def refiled(event: UsageEvent, day: UtcDay) -> UsageEvent:
    """An event moved to the neighbouring day on which its call was first seen, to that day's nearer end."""
    if event.day == day_beside(day, 1):
        return event._replace(day=day, hour=23)
    if event.day == day_beside(day, -1):
        return event._replace(day=day, hour=0)
    raise InvalidEvent("other-day", f"the call was made on {event.day}, not on {day}")


def _day_beside(day: UtcDay, days: int) -> UtcDay:
    try:
        return shifted(day, days)
    except OverflowError:
        return UtcDay("")


day_beside: Callable[[UtcDay, int], UtcDay] = lru_cache(maxsize=64)(_day_beside)
"""The day so many days later; empty where the calendar ends. Typed, because a cache hides the types of its function."""


def split_batch(body: bytes, *, most: int | None = None) -> list[bytes]:
    """The events of a body that is one CloudEvent or a JSON array of them, each as its own bytes.

    Raises `InvalidEvent` where the body is no JSON at all, or an array of more than `most`.
    """
    if most is not None and body.count(b",") > most * _COMMAS:
        raise _too_many(most)
    try:
        if body.lstrip()[:1] == b"[":
            parts = _decode_parts(body)
            if most is not None and len(parts) > most:
                raise _too_many(most)
            return [bytes(part) for part in parts]
        return [bytes(msgspec.json.decode(body, type=msgspec.Raw)).strip()]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidEvent("not-json", str(error)) from None


def _too_many(most: int) -> InvalidEvent:
    return InvalidEvent("too-many", f"the array has more events than the limit of {most}")


class _HeadData(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    operation: str = ""
    method: str | None = None
    response_id: str | None = None
    usage_source: str | None = None
    gateway_event_id: str | None = None
    gateway_event_source: str | None = None


class _Head(msgspec.Struct, frozen=True, gc=False):
    id: str
    source: str
    type: str
    data: _HeadData


_decode_head = msgspec.json.Decoder(_Head).decode


class Heard(NamedTuple):
    """Which call an event belongs to, without what it says; see `UsageEvent`."""

    call: str
    phase: Phase
    claim: str | None


def call_in(raw: bytes) -> Heard | None:
    """The call of an event in the ledger, without reading the rest of it; None if it has none."""
    try:
        head = _decode_head(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    phase = _PHASES.get(head.type)
    if phase is None:
        return None
    call, claim = _identities(head)
    return Heard(call, _phase(phase, head.data), claim)


def _identities(event: EventDocument | _Head) -> tuple[str, str | None]:
    """The identity of an event's call, and its claim; see `UsageEvent`.

    A background response is one call however often it is fetched; every other call is known by (source, id).
    What another emitter says about a gateway's call belongs to that call.
    """
    data, source = event.data, event.source
    if data.gateway_event_id and data.gateway_event_source:
        return call_identity(data.gateway_event_source, data.gateway_event_id), None
    by_request = call_identity(source, event.id.removesuffix("/settled"))
    if not data.response_id or not _is_known_by_response(event):
        return by_request, None
    if source.startswith(GATEWAYS):
        return _digest(f"response\0{data.response_id}"), by_request
    return _separated(b"response", source, data.response_id), None


def _is_known_by_response(event: EventDocument | _Head) -> bool:
    phase = _PHASES.get(event.type)
    return phase is not _FINAL and (phase is not _PENDING or event.data.method in _CALLING)


def call_identity(source: str, request_id: str) -> str:
    """The identity of the call that a gateway knows by this request id.

    The digest of older versions wherever no two calls can share it: a day that is counted while the product is
    upgraded has both. A source that looks like another kind of identity has a digest of its own.
    """
    if source == "response" or "\0" in source or "\0" in request_id:
        return _separated(b"call", source, request_id)
    return _digest(f"{source}\0{request_id}")


def _digest(identity: str) -> str:
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _separated(kind: bytes, source: str, identity: str) -> str:
    """The digest of an identity within its kind and source; lengths keep the two strings apart."""
    text = f"{len(source)}:{source}{len(identity)}:{identity}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=kind).hexdigest()
