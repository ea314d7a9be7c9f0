"""What a usage event is: one CloudEvent read, validated and reduced to the call that it accounts for.

Types: `chargeback.usage.{recorded,pending,settled,rejected}.v1`. `id` is the gateway's request id, with a phase
suffix for later phases (`…/settled`); `time` is when the call was made, repeated by every later phase.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from chargeback.domain.catalogue import LONG_CONTEXT_ABOVE, context_variant
from chargeback.domain.errors import InvalidEvent
from chargeback.domain.lines import Line
from chargeback.domain.meters import Meter, OwnQuantities, Quantities, Usage, is_measured, normalise

MAX_EVENT_BYTES = 1_048_576
"""Event Grid's own limit on one event (learn.microsoft.com/azure/event-grid/quotas-limits)."""


class Phase(IntEnum):
    """How far an event settles its call; of a call's events the one of the highest phase is its account.

    A POLL (GET of a background response that reports usage) only counts where an earlier phase of the call is known:
    fetching an answer that was already accounted for costs nothing.
    """

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
        raw: the event as it arrived, on one line.
    """

    call: str
    phase: Phase
    day: str
    hour: int
    line: Line
    quantities: Quantities
    raw: bytes


class AcceptedTimes(NamedTuple):
    """The days and hours whose events are accepted: from `earliest` day to the hour `latest`."""

    earliest: str
    latest: tuple[str, int]

    @classmethod
    def around(cls, now: datetime, *, max_age: timedelta, clock_skew: timedelta) -> "AcceptedTimes":
        """What is accepted at `now` (UTC): nothing older than `max_age`, nothing ahead by more than `clock_skew`."""
        latest = now + clock_skew
        return cls((now - max_age).date().isoformat(), (latest.date().isoformat(), latest.hour))


EVER = AcceptedTimes("0000-00-00", ("9999-99-99", 24))
"""For events in the ledger: they were accepted when they came, reading them again does not judge their time."""

Name = Annotated[str, Meta(max_length=512)] | None
Identity = Annotated[str, Meta(min_length=1, max_length=1024)]


class _Data(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    operation: Annotated[str, Meta(min_length=1, max_length=128)]
    method: Name = None
    deployment: Name = None
    model: Name = None
    provider: Name = None
    service_tier: Name = None
    backend: Name = None
    status_code: int | None = None
    response_id: Name = None
    subscription_id: Name = None
    product_id: Name = None
    apim_user_id: Name = None
    tenant_id: Name = None
    app_id: Name = None
    user_object_id: Name = None
    username: Name = None
    company_name: Name = None
    billing_code: Name = None
    usage: Usage | None = None
    usage_source: Name = None
    quantities: OwnQuantities | None = None


class _CloudEvent(msgspec.Struct, frozen=True, gc=False):
    specversion: str
    id: Identity
    source: Identity
    type: str
    time: str
    data: _Data


class _Identified(msgspec.Struct, frozen=True, gc=False):
    id: Identity


_decode = msgspec.json.Decoder(_CloudEvent).decode
_decode_id = msgspec.json.Decoder(_Identified).decode
_decode_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode

# Members bound once: an attribute of an Enum class costs a Python-level lookup, and this runs for every event.
_PENDING, _SETTLED, _POLL, _FINAL = Phase
_REQUESTS = Meter.REQUESTS

_TYPES = {
    "chargeback.usage.recorded.v1": _FINAL,
    "chargeback.usage.rejected.v1": _FINAL,
    "chargeback.usage.settled.v1": _SETTLED,
    "chargeback.usage.pending.v1": _PENDING,
}
_REJECTED = "chargeback.usage.rejected.v1"
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:([Zz])|[+-]\d\d:[0-5]\d)", re.A
)
_SECONDS = frozenset(f"{second:02}" for second in range(61))
_ONE_CONTEXT = ("chat.completions", "responses", "completions")
_METERED = ("chat.completions", "completions", "embeddings", "responses", "images.", "audio.")


def id_in(raw: bytes) -> str | None:
    """The id of an event that may be unusable otherwise; None if it has none that can be read."""
    try:
        return _decode_id(raw).id
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def read_event(raw: bytes, accepted: AcceptedTimes) -> UsageEvent:
    """Read one CloudEvent in JSON. Raises `InvalidEvent` with what is wrong and where."""
    if len(raw) > MAX_EVENT_BYTES:
        raise InvalidEvent("too-large", f"the event has {len(raw)} bytes; the limit is {MAX_EVENT_BYTES}")
    try:
        event = _decode(raw)
        if not raw.isascii():
            # The decoder skips unknown fields without a look at their encoding; the ledger is UTF-8 throughout.
            raw.decode()
        one_line = raw if raw.find(b"\n") < 0 and raw.find(b"\r") < 0 else msgspec.json.format(raw, indent=-1)
    except msgspec.ValidationError as error:
        raise InvalidEvent("unexpected-shape", str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidEvent("not-json", str(error)) from None
    if event.specversion != "1.0":
        raise InvalidEvent(
            "unexpected-shape", f"specversion is {event.specversion[:64]!r}, expected '1.0' - at `$.specversion`"
        )
    phase = _TYPES.get(event.type)
    if phase is None:
        raise InvalidEvent("unknown-type", f"type is {event.type[:64]!r} - at `$.type`")
    day, hour = _hour_of(event.time)
    if day < accepted.earliest or (day, hour) > accepted.latest:
        raise InvalidEvent(
            "time-out-of-range",
            f"time is {event.time}; accepted are {accepted.earliest} to {accepted.latest[0]}T{accepted.latest[1]:02}"
            " - at `$.time`",
        )
    data = event.data
    quantities: Quantities = {}
    if event.type != _REJECTED and phase is not _PENDING:
        quantities = normalise(data.usage, data.quantities, data.operation)
    measured = bool(quantities) or is_measured(data.usage, data.quantities)
    state = "exact" if measured and phase is _FINAL else _state(event.type, data, measured=measured)
    line = _line(_dimensions(data, state, _variant(data, quantities)))
    quantities[_REQUESTS] = 1
    if phase is _SETTLED and data.method == "GET":
        phase = _POLL
    return UsageEvent(_call(event), phase, day, hour, line, quantities, one_line)


def split_batch(body: bytes) -> list[bytes]:
    """The events of a body that is one CloudEvent or a JSON array of them, each as its own bytes.

    Raises `InvalidEvent` where the body is no JSON at all.
    """
    try:
        if body.lstrip()[:1] == b"[":
            return [bytes(part) for part in _decode_parts(body)]
        return [bytes(msgspec.json.decode(body, type=msgspec.Raw)).strip()]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidEvent("not-json", str(error)) from None


def _call(event: _CloudEvent) -> str:
    """A background response is one call however often it is fetched; every other call is known by (source, id)."""
    if event.data.response_id and event.type not in ("chargeback.usage.recorded.v1", _REJECTED):
        return _digest(f"response\0{event.data.response_id}")
    return call_identity(event.source, event.id.removesuffix("/settled"))


def call_identity(source: str, request_id: str) -> str:
    """The identity of the call that a gateway knows by this request id."""
    return _digest(f"{source}\0{request_id}")


def _digest(identity: str) -> str:
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _hour_of(time: str) -> tuple[str, int]:
    if time[17:19] in _SECONDS and time[-1] == "Z":
        fraction = time[19:-1]
        if not fraction or (fraction[0] == "." and fraction[1:].isdecimal() and fraction.isascii()):
            return _hour_of_minute(time[:17])
    return _read_time(time)


@lru_cache(maxsize=8192)
def _hour_of_minute(minute: str) -> tuple[str, int]:
    """Most events share their minute with others, so that its text is understood once."""
    return _read_time(f"{minute}00Z")


def _read_time(time: str) -> tuple[str, int]:
    match = _TIME.fullmatch(time)
    if match is None:
        raise InvalidEvent(
            "bad-time", f"time is {time[:64]!r}, expected RFC 3339 such as 2026-03-14T09:26:53Z - at `$.time`"
        )
    day, hour, zulu = match.groups()
    if zulu:
        _require_day(day)
        return day, int(hour)
    try:
        # Cut to microseconds instead of rounding, or the last instant of a day would move to the next.
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", time).replace(":60", ":59")).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent("bad-time", f"time is {time[:64]!r}: {error} - at `$.time`") from None
    return moment.date().isoformat(), moment.hour


@lru_cache(maxsize=4096)
def _require_day(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError as error:
        raise InvalidEvent("bad-time", f"time is on {day}: {error} - at `$.time`") from None


def _state(type_: str, data: _Data, *, measured: bool) -> str:
    if type_ == "chargeback.usage.pending.v1" or (type_ == "chargeback.usage.settled.v1" and not measured):
        return "unsettled"
    if type_ == "chargeback.usage.settled.v1":
        if data.method == "GET":
            return "exact"
        return "estimated" if data.usage_source == "estimated" else "settled"
    if type_ == _REJECTED or measured or data.method not in (None, "POST"):
        return "exact"
    answered = data.status_code is None or 200 <= data.status_code < 300
    return "unsettled" if answered and data.operation.startswith(_METERED) else "exact"


def _variant(data: _Data, quantities: Quantities) -> str:
    """A picture's size and quality, or a long context; the usage of a batch sums up many calls, so it has none."""
    own = data.quantities
    if data.usage is not None:
        # The sum of all meters is quick to take, and rarely above what the input alone would have to be.
        long = sum(quantities.values()) > LONG_CONTEXT_ABOVE and data.operation in _ONE_CONTEXT
        return context_variant(quantities) if long else ""
    return f"{own.size}/{own.quality or 'standard'}" if own is not None and own.size else ""


def _dimensions(data: _Data, state: str, variant: str) -> Sequence[str]:
    return (
        data.subscription_id or "",
        data.product_id or "",
        data.apim_user_id or "",
        data.tenant_id or "",
        data.app_id or "",
        data.user_object_id or "",
        data.username or "",
        data.company_name or "",
        data.billing_code or "",
        data.operation,
        data.provider or "azure-openai",
        data.model or "",
        data.deployment or "",
        data.backend or "",
        data.service_tier or "default",
        variant,
        state,
    )


@lru_cache(maxsize=65_536)
def _line(dimensions: tuple[str, ...]) -> Line:
    return Line(*(text if text.isprintable() else _printable(text) for text in dimensions))


def _printable(text: str) -> str:
    """Control characters and lone surrogates become spaces: reports are read by spreadsheets and people."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
