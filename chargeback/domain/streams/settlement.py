"""How a pending call gets its tokens from the gateway's log, and how a lost event is made again from it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from chargeback.domain.deployments.deployment import BATCHES, TRAINING_JOBS
from chargeback.domain.events.admission import completed
from chargeback.domain.events.documents import Data, EventDocument, encode_document, read_document
from chargeback.domain.events.event_types import EventType, UsageSource
from chargeback.domain.events.times import moment_of
from chargeback.domain.events.usage_event import GATEWAYS, Phase, call_identity, call_in
from chargeback.domain.streams.gateway_log import LoggedCall, LoggedTokens, is_request_id
from chargeback.domain.usage.operations import operation_and_deployment
from chargeback.domain.usage.tiers import served_tier
from chargeback.domain.usage.usage_objects import Usage

ASKED_AFTER = timedelta(hours=24)
"""How long the log is asked about a response that has an id: one in the background never gets tokens there, because its
answer is fetched by other calls."""

JOBS = (BATCHES, TRAINING_JOBS)
"""Jobs, which end later; the call that asks for the result then reports the usage."""


class Served(NamedTuple):
    """What is known of the deployment that served a call, apart from the log.

    Attributes:
        tier: the service tier that the deployment is set to; None where it is set to none.
        is_text_alone: whether its model counts nothing but text, as the log does.
    """

    tier: str | None = None
    is_text_alone: bool = True


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
    def backend(self) -> str:
        """The host that answered, if the gateway knew."""
        return self.document.data.backend or ""

    def may_be_logged(self, now: datetime) -> bool:
        """Whether the gateway's log may have the tokens of the call: it has none of jobs and of other sources."""
        data = self.document.data
        if data.operation in JOBS or not self.document.source.startswith(GATEWAYS):
            return False
        return is_request_id(self.id) and (data.response_id is None or self.time > now - ASKED_AFTER)

    def is_answered_by(self, count: LoggedTokens) -> bool:
        """Whether these tokens are all that the call used: a response in the background has only its prompt's."""
        used = count.usage()
        return used["completion_tokens" if self.document.data.response_id else "total_tokens"] > 0


def is_pending(raw: bytes) -> bool:
    """Whether an event tells of a call whose tokens are not known yet."""
    known = call_in(raw)
    return known is not None and known[1] is Phase.PENDING


def settled(call: PendingCall, count: LoggedTokens, served: Served) -> bytes:
    """The event that completes a pending call with the counts of the log, which are of text.

    The log has no column for the tier. Where the call or its deployment asks for another than the default, the tokens
    are priced by that tier and called estimated, because Azure may have served them at the default.
    """
    data = call.document.data
    named = replace(call.document, data=replace(data, model=data.model or count.model_of(data.operation) or None))
    placed, tier = at_its_tier(named, served)
    if tier is None:
        return encode_document(completed(placed, _usage(count), UsageSource.LOG))
    return encode_document(completed(placed, _usage(count), UsageSource.ESTIMATED, f"tier {tier} asked for"))


def at_its_tier(document: EventDocument, served: Served) -> tuple[EventDocument, str | None]:
    """The event with the tier that the call is priced at, and that tier if it was only asked for, not confirmed."""
    data = document.data
    tier = served_tier(data.service_tier, data.requested_tier, served.tier)
    if not tier.estimated:
        return document, None
    return replace(document, data=replace(data, service_tier=tier.name)), tier.name


def used_text_alone(document: EventDocument, served: Served) -> bool:
    """Whether the call used text alone: the log does not count pictures and sound separately, at their own prices."""
    return served.is_text_alone and not document.data.operation.startswith(("audio.", "images."))


def _usage(count: LoggedTokens) -> Usage:
    used = count.usage()
    return Usage(
        prompt_tokens=used["prompt_tokens"],
        completion_tokens=used["completion_tokens"],
        total_tokens=used["total_tokens"],
    )


def with_logged_backend(call: PendingCall, logged: LoggedCall) -> PendingCall:
    """The call with the host that the log names, where the gateway itself did not know it: a client had left."""
    data = call.document.data
    if call.backend or not logged.backend:
        return call
    return PendingCall(call.id, call.time, replace(call.document, data=replace(data, backend=logged.backend)))


def without_event(logged: LoggedCall, count: LoggedTokens) -> PendingCall:
    """A call that has no event, as far as the log knows it."""
    operation, deployment = operation_and_deployment(logged.url)
    data = Data(
        operation=operation,
        method=logged.method or None,
        deployment=deployment or count.deployment or None,
        model=count.model_of(operation) or None,
        backend=logged.backend or None,
        gateway_region=logged.region or None,
        status_code=logged.status,
        duration_ms=logged.duration_ms,
        stream=count.streamed,
        subscription_id=logged.subscription_id or None,
        product_id=logged.product_id or None,
        apim_user_id=logged.user_id or None,
    )
    time = logged.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = EventDocument("1.0", logged.correlation_id, logged.source, EventType.PENDING, time, data)
    return PendingCall(logged.correlation_id, logged.time, document)


def recovered(call: PendingCall, count: LoggedTokens, served: Served) -> bytes:
    """The event of a call that has none; should its own still arrive, that one counts instead.

    It is priced as a pending one would be: at the tier of its deployment, as an estimate; and without the log's tokens,
    so that it is unsettled, where they are not all text.
    """
    if not used_text_alone(call.document, served):
        return encode_document(completed(call.document, None, UsageSource.LOG_ALONE))
    placed, tier = at_its_tier(call.document, served)
    basis = f"tier {tier} asked for" if tier is not None else None
    return encode_document(completed(placed, _usage(count), UsageSource.LOG_ALONE, basis))
