"""How a call accounted for without its tokens, or not at all, becomes whole from the gateway's own log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

import msgspec
from msgspec.structs import replace

from chargeback.domain.admission import completed
from chargeback.domain.event_documents import EventDocument, encode_document, read_document
from chargeback.domain.event_times import moment_of
from chargeback.domain.events import FROM_LOG_ALONE, call_identity
from chargeback.domain.operations import described, names_stored_object
from chargeback.domain.usage_objects import Usage

SAMPLE = 10
"""An estimate is the mean of at least so many streamed calls of the same deployment."""

_SETTLED = "chargeback.usage.settled.v1"


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What the gateway's log says that one call used, all its rows taken together.

    Attributes:
        correlation_id: the gateway's request id.
        source: the source of the call's own event.
        time: when the first of its rows was written (UTC).
        deployment: the deployment, as the log names it; may be empty.
        model: the model, as the log names it; may be empty.
        prompt: prompt tokens.
        completion: completion tokens.
        total: all tokens; the larger of it and prompt + completion counts.
        streamed: whether the answer was a stream.
        arrived: when the last of its rows reached the log (UTC).
    """

    correlation_id: str
    source: str
    time: datetime
    deployment: str
    model: str
    prompt: int
    completion: int
    total: int
    streamed: bool
    arrived: datetime

    @property
    def call(self) -> str:
        """The identity that the call's own event has."""
        return call_identity(self.source, self.correlation_id)

    def usage(self) -> dict[str, int]:
        """The counts as a usage object whose parts sum to its total."""
        completion = max(self.completion, self.total - self.prompt)
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": completion,
            "total_tokens": self.prompt + completion,
        }


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call as the gateway logged it, with the identity that it had verified."""

    correlation_id: str
    source: str
    time: datetime
    region: str
    method: str
    url: str
    status: int
    duration_ms: int
    backend: str
    subscription_id: str
    product_id: str
    user_id: str

    @property
    def call(self) -> str:
        """The identity that the call's own event has."""
        return call_identity(self.source, self.correlation_id)

    def was_served(self, count: TokenCount) -> bool:
        """Whether the call itself used these tokens.

        Fetching a stored answer or a job costs nothing. A response without completion tokens was only begun, in the
        background: its own event is known by the response's id, so that it would seem to be missing here.
        """
        if self.method != "POST" or names_stored_object(self.url):
            return False
        return described(self.url)[0] != "responses" or count.usage()["completion_tokens"] > 0


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call whose tokens are not known yet.

    Attributes:
        id: the gateway's request id.
        time: when the call was made (UTC).
        document: its event.
    """

    id: str
    time: datetime
    document: EventDocument

    @classmethod
    def from_event(cls, raw: bytes) -> "PendingCall":
        """Read an event that was accepted before. Raises `InvalidEvent`."""
        document = read_document(raw)
        return cls(document.id, moment_of(document.time), document)

    @property
    def call(self) -> str:
        """The identity of the call for the log: which gateway knows it by which id."""
        return call_identity(self.document.source, self.id)

    @property
    def deployment(self) -> str:
        """The deployment that was asked for."""
        return self.document.data.deployment or ""

    @property
    def can_be_estimated(self) -> bool:
        """Whether other calls say something about it: an answered stream, but no job that ends some day."""
        data = self.document.data
        answered = data.status_code is None or data.status_code < 400
        return bool(data.stream) and data.response_id is None and answered


def settled(call: PendingCall, count: TokenCount) -> bytes:
    """The event that completes a pending call with the counts of the log."""
    data = call.document.data
    named = replace(call.document, data=replace(data, model=data.model or count.model or None))
    return encode_document(completed(named, _usage(count), "gateway-log"))


def estimated(call: PendingCall, counts: Sequence[TokenCount]) -> bytes | None:
    """The event that completes a call with the mean of its like, rounded up; None if they are too few."""
    like = [
        count
        for count in counts
        if count.streamed and count.deployment == call.deployment and count.usage()["total_tokens"]
    ]
    if not call.can_be_estimated or not call.deployment or len(like) < SAMPLE:
        return None
    prompt = ceil(sum(count.usage()["prompt_tokens"] for count in like) / len(like))
    completion = ceil(sum(count.usage()["completion_tokens"] for count in like) / len(like))
    usage = Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
    basis = f"mean of {len(like)} streamed calls of {call.deployment}"
    return encode_document(completed(call.document, usage, "estimated", basis))


def _usage(count: TokenCount) -> Usage:
    used = count.usage()
    return Usage(
        prompt_tokens=used["prompt_tokens"],
        completion_tokens=used["completion_tokens"],
        total_tokens=used["total_tokens"],
    )


def recovered(call: LoggedCall, count: TokenCount) -> bytes:
    """The event of a call that has none; should its own still arrive, that one counts instead."""
    operation, deployment = described(call.url)
    data = {
        "operation": operation,
        "method": call.method,
        "deployment": deployment or count.deployment,
        "model": count.model,
        "backend": call.backend,
        "gatewayRegion": call.region,
        "statusCode": call.status,
        "durationMs": call.duration_ms,
        "stream": count.streamed,
        "subscriptionId": call.subscription_id,
        "productId": call.product_id,
        "apimUserId": call.user_id,
        "usage": count.usage(),
        "usageSource": FROM_LOG_ALONE,
    }
    return _event(
        call.source,
        call.correlation_id,
        call.time,
        {name: value for name, value in data.items() if value != ""},
    )


def gateway_source(service: str, region: str) -> str:
    """The source of the events of one gateway region, as the gateway's own `account` fragment writes it."""
    return f"/apim/{service}/{gateway_region(region)}"


def gateway_region(region: str) -> str:
    """A region as events name it, from the name that Azure displays."""
    return region.replace(" ", "").lower()


def _event(source: str, call: str, time: datetime, data: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{call}/settled",
            "source": source,
            "type": _SETTLED,
            "time": time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": data,
        }
    )
