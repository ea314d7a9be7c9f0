"""Keeps what sources see as alerts: each matter is raised once, cleared once and ended with its period.

An alert is a document that is created only if absent and replaced by its token, so that any number of instances may
look at the same time, and a run that dies is made up for by the next one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from chargeback.domain.alerts.alert import Alert, Matter, Sighting, Turn, alert_id
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.subscriptions import AlertPlan
from chargeback.domain.alerts.watching import Look, after_look, is_more_urgent, may_begin_again, raised, superseded
from chargeback.domain.errors import StoreUnavailable, Superseded
from chargeback.log_line import log_line
from chargeback.services.ports.outbox import DueAlerts, KeptAlert, Outbox
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.together import together

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Documents that are written at a time."""

MOST_SECONDS = 20.0
"""How long an alert waits for the facts that take long to find, such as who moved an amount."""

MoreFacts = Callable[[Sequence[Sighting]], Awaitable[Mapping[Matter, Facts]]]
"""Says more about matters that begin; those that it leaves out are told with the facts of their sightings."""

Changed = TypeVar("Changed")


async def nothing_more(_: Sequence[Sighting]) -> Mapping[Matter, Facts]:
    """The sightings say all there is to say."""
    return {}


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """What a look changed."""

    raised: tuple[Alert, ...] = ()
    cleared: tuple[Alert, ...] = ()


class Alerts:
    """The one entrance for everything that people must know.

    A source calls `see` with all that it sees of a kind, again and again, or `happened` with what happened once. Both
    may be called any number of times with the same.
    """

    def __init__(self, outbox: Outbox, due: DueAlerts, plan: AlertPlan) -> None:
        self._outbox = outbox
        self._due = due
        self._plan = plan
        self._room = asyncio.Semaphore(AT_ONCE)

    async def see(self, look: Look, more: MoreFacts = nothing_more) -> AlertChanges:
        """Raise what is new, clear what has stayed away, end what is past its period.

        `more` is asked once, for what is raised now. Raises `StoreUnavailable` where something was not possible; the
        next look makes up for it.
        """
        standing = await self._outbox.standing(look.kind)
        known = _latest_of_each(standing)
        new = [each for each in look.sightings if each.matter not in known or is_more_urgent(each, known[each.matter])]
        begun, failed = await self._begin(new, look.at, more)
        changes = (self._follow(kept, look, is_replaced=kept.alert != known[kept.alert.matter]) for kept in standing)
        cleared, failed_to_follow = await self._each(changes)
        await self._announce([*begun, *cleared])
        if failure := failed or failed_to_follow:
            raise failure
        return AlertChanges(tuple(begun), tuple(cleared))

    async def happened(self, sighting: Sighting, now: datetime) -> Alert | None:
        """Raise what happened once; None where that was raised before. Raises `StoreUnavailable`."""
        begun, failed = await self._begin([sighting], now, nothing_more)
        await self._announce(begun)
        if failed:
            raise failed
        return next(iter(begun), None)

    async def _begin(
        self, sightings: Sequence[Sighting], at: datetime, more: MoreFacts
    ) -> tuple[list[Alert], StoreUnavailable | None]:
        """The alerts that begin with sightings that do not stand."""
        new, failed = await self._each(self._if_new(each, at) for each in sightings)
        facts = await _told_of([each.sighting for each in new], more) if new else {}
        begun, failed_to_keep = await self._each(
            self._keep(replace(each, sighting=_with_facts(each.sighting, facts)), at) for each in new
        )
        return begun, failed or failed_to_keep

    async def _each(
        self, changes: Iterable[Coroutine[None, None, Changed | None]]
    ) -> tuple[list[Changed], StoreUnavailable | None]:
        """What became of each change, and the first failure: one alert that cannot be written holds up no other."""
        done: list[Changed] = []
        failures: list[StoreUnavailable] = []

        async def one(change: Coroutine[None, None, Changed | None]) -> None:
            async with self._room:
                try:
                    outcome = await change
                except StoreUnavailable as error:
                    failures.append(error)
                else:
                    if outcome is not None:
                        done.append(outcome)

        await together(*map(one, changes))
        return done, next(iter(failures), None)

    async def _if_new(self, sighting: Sighting, at: datetime) -> "_Beginning | None":
        """None where the matter stands already or may not begin again."""
        latest: Alert | None = None
        occurrence = 1
        while (known := await self._outbox.get(alert_id(sighting.matter, occurrence))) is not None:
            latest = known.alert
            occurrence += 1
        is_new = latest is None or may_begin_again(latest, sighting, at)
        return _Beginning(sighting, occurrence) if is_new else None

    async def _keep(self, beginning: "_Beginning", at: datetime) -> Alert | None:
        """The alert; None where somebody else raised it meanwhile."""
        made = await self._outbox.create(raised(beginning.sighting, beginning.occurrence, self._plan, at))
        if made is None:
            return None
        _log_raised(made.alert)
        return made.alert

    async def _follow(self, kept: KeptAlert, look: Look, *, is_replaced: bool) -> Alert | None:
        """The alert if it is cleared now; `is_replaced`: a more urgent one stands in its place."""
        while True:
            changed = superseded(kept.alert, look.at) if is_replaced else after_look(kept.alert, look, self._plan)
            if changed is kept.alert:
                return None
            try:
                await self._outbox.swap(changed, kept.token)
            except Superseded:
                again = await self._outbox.get(kept.alert.id)
                if again is None:
                    return None
                kept = again
            else:
                if changed.cleared is not None:
                    _log_cleared(changed, changed.cleared)
                return changed if changed.cleared is not None else None

    async def _announce(self, changed: list[Alert]) -> None:
        """Have told at once what is due at once. Where that fails, the timer tells it."""
        due = [each.id for each in changed if any(at <= _latest(each).at for at in each.dues.values())]
        if not due:
            return
        try:
            await self._due.announce(due)
        except StoreUnavailable as error:
            log_line(log, "alerts_not_announced", level=logging.WARNING, alerts=len(due), reason=error)


@dataclass(frozen=True, slots=True)
class _Beginning:
    sighting: Sighting
    occurrence: int


def _latest_of_each(standing: Iterable[KeptAlert]) -> dict[Matter, Alert]:
    """The latest alert about each matter."""
    in_order = sorted((kept.alert for kept in standing), key=lambda each: each.occurrence)
    return {each.matter: each for each in in_order}


async def _told_of(sightings: Sequence[Sighting], more: MoreFacts) -> Mapping[Matter, Facts]:
    """What more there is to say; whatever is wrong with that, the sightings alone are told in time."""
    try:
        async with asyncio.timeout(MOST_SECONDS):
            return await more(sightings)
    except Exception as error:  # noqa: BLE001 nobody is to miss an alert for want of its details
        log_line(log, "alert_facts_missing", level=logging.WARNING, alerts=len(sightings), reason=reason_of(error))
        return {}


def _with_facts(sighting: Sighting, facts: Mapping[Matter, Facts]) -> Sighting:
    return replace(sighting, facts=facts.get(sighting.matter, sighting.facts))


def _latest(alert: Alert) -> Turn:
    return alert.cleared or alert.raised


def _log_raised(alert: Alert) -> None:
    log_line(
        log,
        "alert_raised",
        about=alert.id,
        kind=alert.matter.kind.value,
        severity=alert.severity.value,
        cost_centre=alert.cost_centre,
        headline=alert.raised.facts.headline,
        channels=len(alert.raised.tellings),
    )


def _log_cleared(alert: Alert, turn: Turn) -> None:
    log_line(
        log,
        "alert_cleared",
        about=alert.id,
        kind=alert.matter.kind.value,
        cost_centre=alert.cost_centre,
        headline=turn.facts.headline,
        cause=turn.facts.cause,
        channels=len(turn.tellings),
    )
