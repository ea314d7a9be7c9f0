"""The gateway's log in memory, for tests and for trying things out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from chargeback.domain.events.documents import read_document
from chargeback.domain.events.times import moment_of
from chargeback.domain.events.usage_event import call_in
from chargeback.domain.streams.gateway_log import KeptEvent, LoggedCall, LoggedTokens, StreamMean
from chargeback.domain.time.days import utc_day
from chargeback.services.ports.gateway_log import Found


@dataclass
class MemoryGatewayLog:
    """The gateway's log as two lists; each count is filed under the time of its call."""

    counts: list[tuple[datetime, LoggedTokens]] = field(default_factory=list)
    logged: list[LoggedCall] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """The ids that calls were asked for by."""
    counted: list[str] = field(default_factory=list)
    """The ids that tokens were asked for by."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Rows that nobody can read: id → what is wrong."""
    times: dict[str, datetime] = field(default_factory=dict)

    async def kept_events(self, since: datetime, until: datetime) -> Found[KeptEvent]:
        """What the log keeps of each call in the span."""
        found = [_kept(call) for call in self.logged if since <= call.time < until]
        return Found([each for each in found if each is not None], self.unreadable, self.times)

    async def token_counts(self, since: datetime, until: datetime, ids: Sequence[str]) -> Found[LoggedTokens]:
        """The tokens of these calls."""
        self.counted += ids
        asked = set(ids)
        return Found(
            [each for time, each in self.counts if since <= time < until and each.correlation_id in asked],
            self.unreadable,
            self.times,
        )

    async def calls(self, since: datetime, until: datetime, ids: Sequence[str]) -> Found[LoggedCall]:
        """The gateway's own rows of these calls."""
        self.asked += ids
        asked = set(ids)
        return Found([call for call in self.logged if call.correlation_id in asked and since <= call.time < until])

    async def stream_means(self, since: datetime, until: datetime) -> dict[str, StreamMean]:
        """Deployment → the mean of its streamed calls in the span."""
        used: defaultdict[str, list[dict[str, int]]] = defaultdict(list)
        for time, each in self.counts:
            if since <= time < until and each.streamed and each.usage()["total_tokens"]:
                used[each.deployment].append(each.usage())
        return {
            deployment: StreamMean(
                len(usages),
                ceil(sum(usage["prompt_tokens"] for usage in usages) / len(usages)),
                ceil(sum(usage["completion_tokens"] for usage in usages) / len(usages)),
            )
            for deployment, usages in used.items()
        }


def _kept(call: LoggedCall) -> KeptEvent | None:
    known = call_in(call.event)
    if known is not None:
        day = utc_day(moment_of(read_document(call.event).time))
        return KeptEvent(call.correlation_id, call.time, known[0], day, known[1])
    if call.method != "POST" or not call.backend:
        return None
    return KeptEvent(call.correlation_id, call.time, call.call, utc_day(call.time), None)
