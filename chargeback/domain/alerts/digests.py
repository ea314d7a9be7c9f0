"""A digest: several turns of alerts that one channel is told in one message, fixed once it is collected."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from chargeback.domain.alerts.alert import Alert, TurnKind
from chargeback.domain.alerts.telling import Telling, TellingState, waiting

MOST_MEMBERS = 1000
"""What does not fit, or comes too late, is told in a further digest at once."""


class DigestMember(NamedTuple):
    """One turn of one alert."""

    alert: str
    turn: TurnKind


@dataclass(frozen=True, slots=True)
class AlertDigest:
    """Which turns are told together. It is kept as one document; its members never change.

    Attributes:
        id: what the tellings of its members name, and what a channel recognises a repetition by.
        members: in the order in which their turns were noticed.
        telling: how far it has been told.
    """

    id: str
    channel: str
    members: tuple[DigestMember, ...]
    telling: Telling

    @property
    def due(self) -> datetime | None:
        """When the next thing is to be done to tell it."""
        return self.telling.due

    @property
    def waits(self) -> tuple[str, int, datetime] | None:
        """Its channel, how many alerts it tells and since when people wait for it; None once it is told or given up."""
        since = self.telling.waits_since
        return (self.channel, len(self.members), since) if since is not None else None


def collected(digest_id: str, channel: str, alerts: Iterable[Alert], now: datetime) -> AlertDigest:
    """The digest of everything that waits for it now."""
    found = sorted(
        (alert.turns[turn].at, alert.id, turn) for alert in alerts for turn in turns_for(alert, digest_id, channel)
    )
    members = tuple(DigestMember(alert_id, turn) for _, alert_id, turn in found[:MOST_MEMBERS])
    return AlertDigest(digest_id, channel, members, waiting(now))


def turns_for(alert: Alert, digest_id: str, channel: str) -> Iterator[TurnKind]:
    """The turns of an alert that wait for a digest, without one before which another has to be told by itself."""
    for kind, turn in alert.turns.items():
        telling = turn.tellings.get(channel)
        if telling is None or telling.is_over:
            continue
        if telling.state is not TellingState.WAITING or telling.digest != digest_id:
            return
        yield kind


def following(digest_id: str) -> str:
    """The identity of the digest of what an earlier one does not hold."""
    first, _, number = digest_id.partition("+")
    return f"{first}+{int(number or 1) + 1}"
