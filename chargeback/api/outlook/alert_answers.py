"""What routes about alerts give: a matter, what was told of it, and how far each channel was told."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from chargeback.domain.alerts.alert import Alert, Turn, TurnKind
from chargeback.domain.alerts.telling import Telling, TellingState
from chargeback.domain.money.exact import to_text


class AlertFigureAnswer(msgspec.Struct, frozen=True):
    """One figure, as a person reads it."""

    label: str
    value: str


class AlertMoverAnswer(msgspec.Struct, frozen=True):
    """Who or what moved the amount, and by how much."""

    what: str
    amount: str


class AlertBandAnswer(msgspec.Struct, frozen=True):
    """What the period is expected to end with, and the bounds for eight of ten cases."""

    low: str
    expected: str
    high: str


class AlertTelling(msgspec.Struct, frozen=True):
    """How far a channel was told.

    Attributes:
        state: `waiting`, `sending`, `told`, `given-up`, or `never`: it was over before, or the channel is gone.
        at: when it was told or given up; `due`: when something is done next.
        fault: why the last attempt failed.
    """

    channel: str
    state: str
    at: datetime | None
    due: datetime | None
    attempts: int
    fault: str


class AlertTurn(msgspec.Struct, frozen=True):
    """Something that was told of a matter: that it was raised, or that it is over.

    Attributes:
        since: from when on it is so.
        currency: that of the movers and the forecast.
        tellings: how far each channel was told; only for whoever sees everything.
    """

    turn: str
    at: datetime
    headline: str
    cause: str
    advice: str
    since: datetime | None
    figures: tuple[AlertFigureAnswer, ...]
    currency: str
    movers: tuple[AlertMoverAnswer, ...]
    forecast: AlertBandAnswer | None
    tellings: tuple[AlertTelling, ...]


class AlertAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A matter that people were told of.

    Attributes:
        state: `stands`, `cleared`, `ended` with its period or because a more urgent one stands in its place, or
            `happened` once.
        ended_at: when it was cleared or ended.
        rule: what noticed it, such as the id of a budget.
        scope: whom or what it concerns.
        period: the span of time that it is about.
        step: the threshold.
        occurrence: how often the matter was raised until this time: it is raised once more as it gets more urgent.
    """

    id: str
    kind: str
    severity: str
    cost_centre: str
    raised_at: datetime
    state: str
    ended_at: datetime | None
    headline: str
    rule: str
    scope: str
    period: str
    step: str
    occurrence: int
    turns: tuple[AlertTurn, ...]


class AlertAnswers(msgspec.Struct, frozen=True):
    """What people were told of, the latest first."""

    since: datetime
    value: tuple[AlertAnswer, ...]


def told_of(alert: Alert, digests: Mapping[str, Telling] | None) -> AlertAnswer:
    """A matter as a route tells it; `digests`: how far each digest is, None where tellings are not told."""
    matter = alert.matter
    state = "happened" if alert.is_event else "stands" if alert.stands else "cleared" if alert.cleared else "ended"
    return AlertAnswer(
        alert.id,
        matter.kind.value,
        alert.severity.value,
        alert.cost_centre,
        alert.raised.at,
        state,
        alert.cleared.at if alert.cleared else alert.ended,
        alert.raised.facts.headline,
        matter.rule,
        matter.scope,
        matter.period,
        matter.step,
        alert.occurrence,
        tuple(_turn(kind, turn, digests) for kind, turn in alert.turns.items()),
    )


def _turn(kind: TurnKind, turn: Turn, digests: Mapping[str, Telling] | None) -> AlertTurn:
    facts, band = turn.facts, turn.facts.forecast
    tellings = (
        () if digests is None else [_telling(name, each, digests) for name, each in sorted(turn.tellings.items())]
    )
    return AlertTurn(
        kind.value,
        turn.at,
        facts.headline,
        facts.cause,
        facts.advice,
        facts.since,
        tuple(AlertFigureAnswer(each.label, each.value) for each in facts.figures),
        facts.currency,
        tuple(AlertMoverAnswer(each.what, to_text(each.amount)) for each in facts.movers),
        AlertBandAnswer(*map(to_text, (band.low, band.expected, band.high))) if band else None,
        tuple(tellings),
    )


def _telling(channel: str, telling: Telling, digests: Mapping[str, Telling]) -> AlertTelling:
    """What a digest tells is as far as the digest is."""
    seen = digests.get(telling.digest, telling) if telling.state is TellingState.IN_DIGEST else telling
    return AlertTelling(channel, seen.state.value, seen.at, seen.due, seen.attempts, seen.fault)
