"""Recovers events that got lost on their way from the gateway's log: the call's own event where the log keeps it.

For a call without a kept event, the log of models still has the tokens, and the gateway's log the subscription. An
event made from those ranks below everything that the call says itself.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.events.documents import read_document
from chargeback.domain.streams.gateway_log import KeptEvent, LoggedCall, LoggedTokens
from chargeback.domain.streams.settlement import recovered, without_event
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.gateway_log import GatewayLog
from chargeback.services.usage.complete_calls import around, served_at
from chargeback.services.usage.known_day import CALLS_AT_ONCE, KnownDay, is_missing
from chargeback.services.usage.settle_run import Run

STRETCH = timedelta(minutes=15)
"""How much of the log is searched at once: some ten thousand calls, at a million a day."""

RECOVER_AFTER = timedelta(minutes=30)
"""How long an event may be on its way before it counts as lost."""


class Recoverer:
    """Makes the events of calls whose own got lost."""

    def __init__(self, log: GatewayLog, catalogues: Catalogues, *, quiet: timedelta) -> None:
        """Tokens of the log are whole when nothing more of them has arrived for `quiet`."""
        self._log = log
        self._catalogues = catalogues
        self._quiet = quiet

    async def kept_events(self, run: Run, since: datetime, until: datetime) -> Sequence[KeptEvent]:
        """What the log keeps of the calls of a stretch."""
        found = await self._log.kept_events(since, until)
        run.read.append((since, until))
        run.note_rows(found, since)
        return found.rows

    async def missing(self, known: KnownDay, kept: Sequence[KeptEvent]) -> Sequence[KeptEvent]:
        """The kept events among these that the day does not know."""
        seen = await known.seen([each.call for each in kept])
        return [each for each, known_as in zip(kept, seen, strict=True) if is_missing(each, known_as)]

    async def events(self, run: Run, missing: Sequence[KeptEvent]) -> list[bytes]:
        """The events of some hundred calls."""
        since, until = around(each.time for each in missing)
        found = await self._log.calls(since, until, [each.correlation_id for each in missing])
        run.note_rows(found, since)
        bare = {each.correlation_id for each in missing if each.phase is None}
        own = run.events((call for call in found.rows if call.correlation_id not in bare), _own_event)
        counts = await self._counts(run, since, until, [call for call in found.rows if call.correlation_id in bare])
        catalogue = await self._catalogues.current()
        rebuilt = run.events(
            (
                without_event(call, counts[call.call])
                for call in found.rows
                if call.call in counts and call.was_served(counts[call.call])
            ),
            lambda call: recovered(call, counts[call.call], served_at(catalogue, call)),
        )
        run.recovered += len(own) + len(rebuilt)
        return [*own, *rebuilt]

    async def _counts(
        self, run: Run, since: datetime, until: datetime, calls: Sequence[LoggedCall]
    ) -> dict[str, LoggedTokens]:
        if not calls:
            return {}
        found = await self._log.token_counts(since, until, [call.correlation_id for call in calls])
        run.note_rows(found, since)
        return {
            count.call: count
            for count in found.rows
            if count.arrived <= run.now - self._quiet and count.usage()["total_tokens"] > 0
        }


def _own_event(call: LoggedCall) -> bytes:
    """The event as the gateway made it. Raises `InvalidEvent` for one that names another call than the log's row."""
    document = read_document(call.event)
    if (document.source.casefold(), document.id) != (call.source.casefold(), call.correlation_id):
        raise InvalidEvent("other-call", "the event that the gateway's log keeps belongs to another call")
    return call.event


def stretches(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """A span in pieces that can be looked through at once."""
    while since < until:
        end = min(since + STRETCH, until)
        yield since, end
        since = end


def portions(missing: Sequence[KeptEvent]) -> Iterator[Sequence[KeptEvent]]:
    """The calls in portions as large as the log is asked for at once."""
    for start in range(0, len(missing), CALLS_AT_ONCE):
        yield missing[start : start + CALLS_AT_ONCE]
