"""The rows of the gateway's log about a call, as values: the event that it kept, the call itself, the tokens used."""

import re
from dataclasses import dataclass
from datetime import datetime

from chargeback.domain.events.usage_event import Phase, call_identity
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.operations import names_stored_object, operation_and_deployment

_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """A call in the log, with what the kept usage event says.

    Attributes:
        correlation_id: the gateway's request id.
        time: when the call began (UTC).
        call: the identity that the event gives to its call.
        day: the UTC day of the event.
        phase: the phase of the event; None where the log keeps no event of the call.
    """

    correlation_id: str
    time: datetime
    call: str
    day: UtcDay
    phase: Phase | None


@dataclass(frozen=True, slots=True)
class LoggedTokens:
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

    def model_of(self, operation: str) -> str:
        """The model that answered; empty for Responses, whose answers name the deployment in place of the model."""
        return "" if operation == "responses" else self.model

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
    """One call as the gateway logged it, with the identity that it had verified.

    Attributes:
        backend: the host that was asked last; empty where none was.
        event: the usage event that the log keeps of the call, as the gateway made it; empty where it keeps none.
    """

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
    event: bytes = b""

    @property
    def call(self) -> str:
        """The identity that the call's own event has."""
        return call_identity(self.source, self.correlation_id)

    def was_served(self, count: LoggedTokens) -> bool:
        """Whether the call itself used these tokens.

        Fetching a stored answer or a job costs nothing. A response without completion tokens was only begun, in the
        background: its own event is known by the response's id, so that it would seem to be missing here.
        """
        if self.method != "POST" or names_stored_object(self.url):
            return False
        return operation_and_deployment(self.url)[0] != "responses" or count.usage()["completion_tokens"] > 0


@dataclass(frozen=True, slots=True)
class StreamMean:
    """What the streamed calls of a deployment used in some time, rounded up.

    Attributes:
        calls: how many there were.
        prompt: prompt tokens of one.
        completion: completion tokens of one.
    """

    calls: int
    prompt: int
    completion: int


def is_request_id(text: str) -> bool:
    """Whether a string has the form of the gateway's request ids, so that a query may contain it."""
    return _REQUEST_ID.fullmatch(text) is not None


def gateway_source(service: str, region: str) -> str:
    """The source of the events of one gateway region, as the gateway's own `account` fragment writes it."""
    return f"/apim/{service}/{gateway_region(region)}"


def gateway_region(region: str) -> str:
    """A region as events name it, from the name that Azure displays."""
    return region.replace(" ", "").lower()
