"""What other systems get of an alert: a JSON document whose form docs/alerts.md promises.

A field may be added. None is taken away or changes its meaning without another version in the type's name.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from chargeback.domain.alerts.alert import TurnKind
from chargeback.domain.alerts.facts import MOVERS_TOLD
from chargeback.domain.alerts.message import AlertMessage, MessageEntry
from chargeback.domain.alerts.plain_text import plain_text
from chargeback.domain.alerts.wording import HEADLINE_LENGTH, MOST_FIGURES, NAME_LENGTH, VALUE_LENGTH
from chargeback.domain.money.exact import to_text


class PublicType(StrEnum):
    """What is said about an alert."""

    RAISED = "chargeback.alert.raised.v1"
    CLEARED = "chargeback.alert.cleared.v1"
    DIGEST = "chargeback.alert.digest.v1"
    TEST = "chargeback.alert.test.v1"


class PublicFigure(msgspec.Struct, frozen=True, rename="camel"):
    """A figure as people read it."""

    label: str
    value: str


class PublicMover(msgspec.Struct, frozen=True, rename="camel"):
    """What moved the amount, and by how much; the amount is an exact decimal."""

    what: str
    amount: str


class PublicForecast(msgspec.Struct, frozen=True, rename="camel"):
    """What the period is expected to end with; 80 % of outcomes lie between low and high. Exact decimals."""

    low: str
    expected: str
    high: str


class PublicAlert(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An alert.

    Attributes:
        id: the same when it is raised and when it is cleared; another one when the matter is raised again.
        turn: `raised` or `cleared`.
        kind, severity: as in alerts.yaml.
        at: when it was noticed, UTC.
        headline: one sentence for people.
        cost_centre: the path of whom it concerns; absent: the whole company.
        currency: that of movers and forecast.
        since: the moment from which on it is so, UTC.
        movers: at most three, the largest first.
        cause, advice: why it came about or ended, and what to do; for people.
        link: where to read on.
    """

    id: str
    turn: str
    kind: str
    severity: str
    at: datetime
    headline: str
    cost_centre: str = ""
    figures: tuple[PublicFigure, ...] = ()
    currency: str = ""
    since: datetime | None = None
    movers: tuple[PublicMover, ...] = ()
    forecast: PublicForecast | None = None
    cause: str = ""
    advice: str = ""
    link: str = ""


def public_type(message: AlertMessage) -> PublicType:
    """The type of a whole message."""
    if message.is_test:
        return PublicType.TEST
    return PublicType.DIGEST if message.is_digest else public_type_of(message.entries[0])


def public_type_of(entry: MessageEntry) -> PublicType:
    """The type of one turn of an alert."""
    return PublicType.CLEARED if entry.turn is TurnKind.CLEARED else PublicType.RAISED


def public_alert(entry: MessageEntry) -> PublicAlert:
    """One turn of an alert."""
    facts = entry.facts
    forecast = facts.forecast
    return PublicAlert(
        id=entry.alert,
        turn=entry.turn,
        kind=entry.kind,
        severity=entry.severity,
        at=entry.at,
        headline=plain_text(facts.headline, HEADLINE_LENGTH),
        cost_centre=plain_text(entry.cost_centre, NAME_LENGTH),
        figures=tuple(
            PublicFigure(plain_text(each.label, NAME_LENGTH), plain_text(each.value, VALUE_LENGTH))
            for each in facts.figures[:MOST_FIGURES]
        ),
        currency=plain_text(facts.currency, NAME_LENGTH),
        since=facts.since,
        movers=tuple(
            PublicMover(plain_text(each.what, NAME_LENGTH), to_text(each.amount)) for each in facts.movers[:MOVERS_TOLD]
        ),
        forecast=PublicForecast(*map(to_text, (forecast.low, forecast.expected, forecast.high))) if forecast else None,
        cause=plain_text(facts.cause, VALUE_LENGTH),
        advice=plain_text(facts.advice, VALUE_LENGTH),
        link=facts.link,
    )
