"""Reads rows of the gateway's log as values; a row that cannot be read is reported, and the others are still read."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from chargeback.adapters.failures import first_line
from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.times import moment_of
from chargeback.domain.events.usage_event import call_identity, call_in
from chargeback.domain.streams.gateway_log import (
    KeptEvent,
    LoggedCall,
    LoggedTokens,
    StreamMean,
    gateway_region,
    gateway_source,
)
from chargeback.domain.time.days import utc_day

T = TypeVar("T")

MAX_TOKENS = 10**10
"""No call has so many."""

_YEARS = range(2020, 2200)

LogRow = Mapping[str, Any]


def read_rows(
    rows: Sequence[LogRow], read: Callable[[LogRow], T]
) -> tuple[list[T], dict[str, str], dict[str, datetime]]:
    """The rows that can be read, what is wrong with the others and when they were written."""
    found: list[T] = []
    times: dict[str, datetime] = {}
    unreadable: dict[str, str] = {}
    for row in rows:
        try:
            found.append(read(row))
        except (ValueError, TypeError, KeyError, ArithmeticError, AttributeError, InvalidEvent) as error:
            name = _text(row.get("CorrelationId"))
            unreadable[name] = f"{type(error).__name__}: {first_line(error)}"
            with suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
                times[name] = _utc(row.get("Started") or row["TimeGenerated"])
    return found, unreadable, times


def kept_event(row: LogRow) -> KeptEvent:
    """The event that the log keeps of a call; one that is not the call's own, or was cut off, is ignored."""
    correlation_id, source, time = _text(row["CorrelationId"]), _source(row), _utc(row["TimeGenerated"])
    said = {
        "id": _text(row["EventId"]),
        "source": _text(row["EventSource"]),
        "type": _text(row["Type"]),
        "data": {"responseId": row["ResponseId"] or None, "method": row["EventMethod"] or None},
    }
    # The log writes a service's name in lower case, the service itself as it is called.
    is_own = (said["id"], str(said["source"]).casefold()) == (correlation_id, source.casefold())
    known = call_in(msgspec.json.encode(said)) if is_own else None
    if known is None:
        call = call_identity(source, correlation_id)
        return KeptEvent(correlation_id, time, call, utc_day(time), None)
    return KeptEvent(correlation_id, time, known[0], utc_day(moment_of(_text(row["EventTime"]))), known[1])


def token_count(row: LogRow) -> LoggedTokens:
    """The tokens of a call."""
    return LoggedTokens(
        correlation_id=_text(row["CorrelationId"]),
        source=_source(row),
        time=_utc(row["Started"]),
        deployment=_text(row["DeploymentName"]),
        model=_text(row["ModelName"]),
        prompt=_count(row["PromptTokens"]),
        completion=_count(row["CompletionTokens"]),
        total=_count(row["TotalTokens"]),
        streamed=bool(row["IsStreamCompletion"]),
        arrived=_utc(row["Arrived"]),
    )


def logged_call(row: LogRow) -> LoggedCall:
    """A call as the gateway logged it."""
    return LoggedCall(
        correlation_id=_text(row["CorrelationId"]),
        source=_source(row),
        time=_utc(row["TimeGenerated"]),
        region=gateway_region(_text(row["Region"])),
        method=_text(row["Method"]),
        url=_text(row["Url"]),
        status=int(row["ResponseCode"] or 0),
        duration_ms=int(row["TotalTime"] or 0),
        backend=urlsplit(_text(row["BackendUrl"])).hostname or "",
        subscription_id=_text(row["ApimSubscriptionId"]),
        product_id=_text(row["ProductId"]),
        user_id=_text(row["UserId"]),
        event=_text(row["Event"]).encode(),
    )


def stream_mean(row: LogRow) -> tuple[str, StreamMean]:
    """A deployment, and the mean of its streamed calls."""
    mean = StreamMean(_count(row["Calls"]), _count(row["PromptTokens"]), _count(row["CompletionTokens"]))
    return _text(row["DeploymentName"]), mean


def _text(value: object) -> str:
    """A string that every store takes: half of a surrogate pair is not one."""
    return str(value or "").encode("utf-8", "replace").decode()


def _count(value: Any) -> int:
    """A number of tokens; a log that says less than none, a fraction or nonsense is not believed."""
    number = int(value or 0)
    if number != (value or 0) or not 0 <= number <= MAX_TOKENS:
        raise ValueError(f"{value!r} is not a number of tokens")
    return number


def _source(row: LogRow) -> str:
    return gateway_source(_text(row["ServiceName"]), _text(row["Region"]))


def _utc(time: datetime | str) -> datetime:
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    if moment.year not in _YEARS:
        raise ValueError(f"{moment.isoformat()} is not a time that the log can have")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
