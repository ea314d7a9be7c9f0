"""The port for the gateway's own log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from chargeback.domain.streams.gateway_log import KeptEvent, LoggedCall, LoggedTokens, StreamMean

Logged = TypeVar("Logged", covariant=True)


@dataclass(frozen=True, slots=True)
class Found(Generic[Logged]):
    """The answer of the log.

    Attributes:
        rows: what could be read.
        unreadable: correlation id → what is wrong with the row.
        times: when each of these rows was written (UTC), where that can be read.
    """

    rows: Sequence[Logged]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, datetime] = field(default_factory=dict)


class GatewayLog(Protocol):
    """The gateway's log: rows may come late, in parts, twice or never, and one may be unreadable.

    Times are those at which calls began. Calls are asked for by their ids, some hundred at a time; what the log does
    not have is left out, and so is an id that no gateway gives.
    """

    async def kept_events(self, since: datetime, until: datetime) -> Found[KeptEvent]:
        """The usage event that the log keeps of each call in the span."""

    async def token_counts(self, since: datetime, until: datetime, ids: Sequence[str]) -> Found[LoggedTokens]:
        """The tokens of these calls."""

    async def calls(self, since: datetime, until: datetime, ids: Sequence[str]) -> Found[LoggedCall]:
        """The gateway's own rows of these calls."""

    async def stream_means(self, since: datetime, until: datetime) -> Mapping[str, StreamMean]:
        """Deployment → what its streamed calls in the span used in the mean."""
