"""Completes pending calls: with the tokens of the gateway's log, or after the deadline with an estimate."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.streams.estimates import estimated
from chargeback.domain.streams.gateway_log import LoggedTokens, StreamMean
from chargeback.domain.streams.settlement import PendingCall, Served, settled, used_text_alone, with_logged_backend
from chargeback.domain.time.days import UtcDay, start_of, utc_day
from chargeback.services.ports.control import Catalogues
from chargeback.services.ports.gateway_log import GatewayLog
from chargeback.services.usage.settle_run import Run

SPREAD = timedelta(hours=1)
"""How far a call's rows may lie from the time of its event."""

Means = Mapping[str, StreamMean]


class Completer:
    """Makes the events that complete pending calls."""

    def __init__(self, log: GatewayLog, catalogues: Catalogues, *, deadline: timedelta, quiet: timedelta) -> None:
        """A call is complete when nothing more of it has arrived for `quiet`; it is estimated after `deadline`."""
        self._log = log
        self._catalogues = catalogues
        self._deadline = deadline
        self._quiet = quiet

    async def complete(self, run: Run, calls: Sequence[PendingCall], means: dict[UtcDay, Means]) -> list[bytes]:
        """The events of those that can be completed now; some hundred calls at once. `means` is kept for a run."""
        asked = [call for call in calls if call.may_be_logged(run.now)]
        counts = await self._counts(run, asked)
        catalogue = await self._catalogues.current()
        ready = [
            call
            for call in asked
            if self._is_complete(call, counts.get(call.call), run.now)
            and used_text_alone(call.document, served_at(catalogue, call))
        ]
        made = run.events(
            await self._with_backends(run, ready),
            lambda call: settled(call, counts[call.call], served_at(catalogue, call)),
        )
        known = {call.call for call in ready}
        overdue = [call for call in calls if call.call not in known and call.time <= run.now - self._deadline]
        await self._add_means(overdue, means)
        guesses = run.events(
            overdue, lambda call: estimated(call, means[_day(call)].get(call.deployment), served_at(catalogue, call))
        )
        run.settled += len(made)
        run.estimated += len(guesses)
        run.waiting += len(calls) - len(made) - len(guesses)
        return [*made, *guesses]

    def _is_complete(self, call: PendingCall, count: LoggedTokens | None, now: datetime) -> bool:
        return count is not None and count.arrived <= now - self._quiet and call.is_answered_by(count)

    async def _counts(self, run: Run, calls: Sequence[PendingCall]) -> dict[str, LoggedTokens]:
        if not calls:
            return {}
        since, until = around(call.time for call in calls)
        found = await self._log.token_counts(since, until, [call.id for call in calls])
        run.note_rows(found, since)
        return {count.call: count for count in found.rows}

    async def _with_backends(self, run: Run, calls: Sequence[PendingCall]) -> Sequence[PendingCall]:
        """The calls, those of clients that left with the host that the log names: it decides the price."""
        without = [call for call in calls if not call.backend]
        if not without:
            return calls
        since, until = around(call.time for call in without)
        found = await self._log.calls(since, until, [call.id for call in without])
        run.note_rows(found, since)
        logged = {each.call: each for each in found.rows}
        return [with_logged_backend(call, logged[call.call]) if call.call in logged else call for call in calls]

    async def _add_means(self, calls: Iterable[PendingCall], means: dict[UtcDay, Means]) -> None:
        for day in {_day(call) for call in calls} - means.keys():
            start = start_of(day)
            means[day] = await self._log.stream_means(start, start + timedelta(days=1))


def served_at(catalogue: Catalogue, call: PendingCall) -> Served:
    """The configuration's knowledge about the deployment that served a call."""
    deployment = catalogue.deployment(call.backend, call.deployment, call.time)
    model = call.document.data.model or (deployment.model if deployment else call.deployment)
    return Served(deployment.service_tier if deployment else None, catalogue.counts_text_alone(model))


def around(times: Iterable[datetime]) -> tuple[datetime, datetime]:
    """The span in which the rows of calls at these times lie."""
    ordered = sorted(times)
    return ordered[0] - SPREAD, ordered[-1] + SPREAD


def _day(call: PendingCall) -> UtcDay:
    return utc_day(call.time)
