"""Which arriving events are accepted: an accepted event can be counted, settled, posted, audited and explained.

Reading an event again never asks for these limits, because what an older version accepted stays readable.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.descriptions import described_plainly
from chargeback.domain.events.documents import EventDocument, read_document
from chargeback.domain.events.emitters import Emitter
from chargeback.domain.events.event_types import EventType, UsageSource
from chargeback.domain.events.times import AcceptedTimes
from chargeback.domain.events.usage_event import Phase, UsageEvent, account_for
from chargeback.domain.usage.lines import Line, to_json
from chargeback.domain.usage.meters import Quantities, normalise
from chargeback.domain.usage.tools import MAX_TOOLS
from chargeback.domain.usage.usage_objects import Usage

MAX_ACCEPTED_BYTES = 65_536
"""Bytes of one event as it arrives: what Event Grid counts as one; the gateway's own have a few kilobytes."""

MAX_DEPTH = 64
"""Objects and arrays within each other: Python's own limit depends on its version and on who calls."""

MAX_COUNT = 10**10 - 1
"""Any one number of an event. The largest true one is a training file of 512 MB for ten epochs, some 10**9 tokens."""

MAX_ID = 1_000
"""Characters of an id, so that it stays readable with the suffix of a later phase."""

MAX_LINE_BYTES = 4_096
"""The dimensions of a line together, as JSON in ASCII: a record and its place in a summary stay small."""

MAX_TEXT = 64
"""Characters of a picture's size and of its quality."""

MAX_TIME = 40
"""Characters of a time: one with nanoseconds and an offset has 35."""

MAX_TRIED = 32

_SUSPICIOUS = re.compile(rb":(?:-|\d{11})")
_SETTLED = "/settled"


def admit(raw: bytes, accepted: AcceptedTimes, emitter: Emitter) -> UsageEvent:
    """Read an event as it arrives. Raises `InvalidEvent` with what is wrong and where, never with a value of it."""
    if len(raw) > MAX_ACCEPTED_BYTES:
        raise InvalidEvent("too-large", f"the event has {len(raw)} bytes; the limit is {MAX_ACCEPTED_BYTES}")
    if is_too_deep(raw):
        raise InvalidEvent("too-deep", f"the event has more than {MAX_DEPTH} objects and arrays within each other")
    document = emitter.admit(read_document(raw))
    _check_identity(document)
    _check_data(document)
    if (plain := described_plainly(document.data)) is not document.data:
        document = replace(document, data=plain)
    event = account_for(document, accepted)
    # What a later phase replaces has to be valid, too: an unreadable event is never counted.
    counts = event.quantities if len(event.quantities) > 1 else _all_counts(document)
    if max(counts.values(), default=0) > MAX_COUNT:
        raise InvalidEvent("absurd-quantity", f"a quantity is above {MAX_COUNT} - at `$.data`")
    if _SUSPICIOUS.search(event.raw):
        _check_numbers(document)
    _check_line(event.line)
    if event.phase is Phase.PENDING:
        account_for(completed(document, _ANY_USAGE, UsageSource.LOG), accepted)
    return event


def _all_counts(event: EventDocument) -> Quantities:
    """Every count that an event reports, even where its type keeps the count from being used."""
    return normalise(event.data.usage, event.data.quantities, event.data.operation)


def is_too_deep(raw: bytes) -> bool:
    """Whether the brackets outside of strings are deeper than the limit."""
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return False
    depth, inside, escaped = 0, False, False
    for byte in raw:
        if inside:
            escaped, inside = byte == 0x5C and not escaped, byte != 0x22 or escaped
        elif byte == 0x22:
            inside = True
        elif byte in b"{[":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif byte in b"}]":
            depth -= 1
    return False


def completed(
    pending: EventDocument, usage: Usage | None, source: UsageSource, basis: str | None = None
) -> EventDocument:
    """The event that gives a pending call its tokens; without any, it has what the gateway measured itself."""
    return replace(
        pending,
        id=f"{pending.id}{_SETTLED}",
        type=EventType.SETTLED,
        data=replace(pending.data, usage=usage, usage_source=source, estimate_basis=basis),
    )


_ANY_USAGE = Usage(prompt_tokens=1, completion_tokens=1, total_tokens=2)


def _check_identity(event: EventDocument) -> None:
    _check_name("id", event.id.removesuffix(_SETTLED))
    _check_name("source", event.source)
    if len(event.time) > MAX_TIME:
        raise InvalidEvent("unexpected-shape", f"time has more than {MAX_TIME} characters - at `$.time`")
    if event.type == EventType.PENDING and event.id.endswith(_SETTLED):
        raise InvalidEvent("unexpected-shape", f"the id of a pending call ends with {_SETTLED} - at `$.id`")


def _check_name(name: str, text: str) -> None:
    if len(text) > MAX_ID:
        raise InvalidEvent("unexpected-shape", f"{name} has more than {MAX_ID} characters - at `$.{name}`")
    if not text.isprintable():
        raise InvalidEvent("unexpected-shape", f"{name} has characters that cannot be printed - at `$.{name}`")


def _check_data(event: EventDocument) -> None:
    data = event.data
    own, usage = data.quantities, data.usage
    if own is not None and max(len(own.size or ""), len(own.quality or "")) > MAX_TEXT:
        raise InvalidEvent(
            "unexpected-shape", f"size or quality has more than {MAX_TEXT} characters - at `$.data.quantities`"
        )
    if data.tried_backends is not None and len(data.tried_backends) > MAX_TRIED:
        raise InvalidEvent("unexpected-shape", f"more than {MAX_TRIED} hosts - at `$.data.triedBackends`")
    if data.tools is not None and len(data.tools) > MAX_TOOLS:
        raise InvalidEvent("unexpected-shape", f"more than {MAX_TOOLS} kinds of items - at `$.data.tools`")
    if usage is not None:
        for one, other in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
            if None not in (counts := (getattr(usage, one), getattr(usage, other))) and counts[0] != counts[1]:
                raise InvalidEvent("usage-contradicts-itself", f"{one} and {other} differ - at `$.data.usage`")


def _check_numbers(event: EventDocument) -> None:
    for name, number in _numbers(msgspec.to_builtins(event)):
        if not 0 <= number <= MAX_COUNT:
            raise InvalidEvent("absurd-quantity", f"{name} is not between 0 and {MAX_COUNT}")


def _numbers(value: object, name: str = "the event") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def _check_line(line: Line) -> None:
    size = _line_bytes(line)
    if size > MAX_LINE_BYTES:
        raise InvalidEvent(
            "too-large", f"the dimensions of the call have {size} bytes together; the limit is {MAX_LINE_BYTES}"
        )


@lru_cache(maxsize=65_536)
def _line_bytes(line: Line) -> int:
    """The bytes of a line as the stores get it: every character beyond ASCII is an escape of 6 or 12 bytes."""
    text = to_json(line)
    return len(text) if text.isascii() else sum(1 if c < "\x80" else 6 if c <= "\uffff" else 12 for c in text)
