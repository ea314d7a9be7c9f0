"""What is sent to a channel: one turn of an alert, or several turns in a digest."""

from dataclasses import dataclass, replace
from datetime import datetime

from chargeback.domain.alerts.alert import Alert, TurnKind, key_of
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity

ID_IN_LINK = "{alert}"
"""Stands in a link for the id of the alert."""


@dataclass(frozen=True, slots=True)
class MessageEntry:
    """One turn of one alert, as it is told.

    Attributes:
        alert: the alert's id, for `alerts show`.
        turn: whether the matter begins or is over.
        cost_centre: the path of whom it concerns; empty: the whole company.
        at: when it was noticed (UTC).
    """

    alert: str
    turn: TurnKind
    kind: AlertKind
    severity: Severity
    cost_centre: str
    at: datetime
    facts: Facts


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """What a channel gets at once.

    Attributes:
        key: the same for every attempt, so that a channel with a memory of its own drops a repetition.
        entries: one, or those of a digest in the order of their times.
        is_digest: whether it was collected over some time.
        is_test: whether somebody only wants to see that the channel works.
    """

    key: str
    entries: tuple[MessageEntry, ...]
    is_digest: bool = False
    is_test: bool = False


def entry_of(alert: Alert, turn: TurnKind) -> MessageEntry:
    """One turn of an alert."""
    said = alert.turns[turn]
    facts = replace(said.facts, link=said.facts.link.replace(ID_IN_LINK, alert.id))
    return MessageEntry(alert.id, turn, alert.matter.kind, alert.severity, alert.cost_centre, said.at, facts)


def message_of(alert: Alert, turn: TurnKind, channel: str) -> AlertMessage:
    """The message that tells one turn of an alert by itself."""
    return AlertMessage(key_of(alert.id, turn, channel), (entry_of(alert, turn),))


def trial_message(key: str, now: datetime) -> AlertMessage:
    """A message that only shows that a channel works; a `key` of 32 hexadecimal digits that was never used."""
    facts = Facts("This channel works", advice="Nothing is to be done.", since=now)
    entry = MessageEntry(f"test-{key}", TurnKind.RAISED, AlertKind.CLOSED, Severity.INFORMATION, "", now, facts)
    return AlertMessage(key, (entry,), is_test=True)
