"""Which matters begin, are taken back or end: told from what a source sees now, and from what stands."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from chargeback.domain.alerts.alert import Alert, Matter, Sighting, Turn, TurnKind
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.alerts.subscriptions import AlertPlan

AWAY = timedelta(minutes=15)
"""How long a matter has to stay away before it counts as over: what comes and goes is told once."""


def everything(matter: Matter) -> bool:  # noqa: ARG001 as each `covers` is called
    """Every matter of the kind."""
    return True


def taken_back(alert: Alert) -> Facts:
    """What is said of a matter that is over, where its source knows no more."""
    return Facts(f"No longer so: {alert.raised.facts.headline}", link=alert.raised.facts.link)


@dataclass(frozen=True)
class Look:
    """What a source saw of one kind of matter at one moment.

    Attributes:
        at: the moment (UTC) from which the figures are; a look that is older than what is known changes nothing.
        sightings: all that it sees of what it covers.
        covers: which matters it would have seen; the others stay as they are, such as those of a budget whose spend
            is not known now.
        clears: what is said of a matter that is over, with its cause.
    """

    kind: AlertKind
    at: datetime
    sightings: Collection[Sighting] = ()
    covers: Callable[[Matter], bool] = everything
    clears: Callable[[Alert], Facts] = taken_back

    @cached_property
    def matters(self) -> frozenset[Matter]:
        """What it sees."""
        return frozenset(each.matter for each in self.sightings)


def raised(sighting: Sighting, occurrence: int, plan: AlertPlan, now: datetime) -> Alert:
    """The alert that begins with a sighting."""
    turn = Turn(now, sighting.facts, plan.tellings(sighting, TurnKind.RAISED, now))
    return Alert(
        sighting.matter,
        occurrence,
        sighting.severity,
        sighting.cost_centre,
        turn,
        until=sighting.until,
        is_event=sighting.is_event,
        basis=sighting.basis,
    )


def after_look(alert: Alert, look: Look, plan: AlertPlan) -> Alert:
    """What has become of an alert that stands; the same object where nothing has."""
    if not alert.stands or look.at <= _latest(alert):
        return alert
    if alert.matter in look.matters:
        return alert if alert.quiet_since is None else replace(alert, quiet_since=None)
    if not look.covers(alert.matter):
        return alert
    if alert.until is not None and alert.until <= look.at:
        return replace(alert, ended=look.at)
    if alert.quiet_since is None:
        return replace(alert, quiet_since=look.at)
    return _cleared(alert, look, plan) if look.at - alert.quiet_since >= AWAY else alert


def superseded(alert: Alert, now: datetime) -> Alert:
    """The end of an alert in whose place a more urgent one stands: nobody is told that it is over."""
    return replace(alert, ended=now) if alert.stands else alert


def is_more_urgent(sighting: Sighting, alert: Alert) -> bool:
    """Whether a matter that stands is more urgent than people were told, as when a budget leaves its shadow."""
    return alert.stands and sighting.severity.rank > alert.severity.rank


def may_begin_again(alert: Alert, sighting: Sighting, at: datetime) -> bool:
    """Whether a sighting of this moment begins a matter once more; `alert`: the latest about it.

    What was taken back begins again if it is seen after that, and what has become more urgent is told once more. What
    ended with its period does not begin again.
    """
    if alert.cleared is not None:
        return alert.cleared.at < at
    return is_more_urgent(sighting, alert) and _latest(alert) < at


def _latest(alert: Alert) -> datetime:
    return alert.raised.at if alert.quiet_since is None else alert.quiet_since


def _cleared(alert: Alert, look: Look, plan: AlertPlan) -> Alert:
    """Told where it was told that the matter began, as far as people want to know there."""
    facts = look.clears(alert)
    sighting = Sighting(alert.matter, alert.severity, facts, alert.cost_centre)
    tellings = plan.tellings(sighting, TurnKind.CLEARED, look.at)
    known = {channel: telling for channel, telling in tellings.items() if channel in alert.raised.tellings}
    return replace(alert, cleared=Turn(look.at, facts, known))
