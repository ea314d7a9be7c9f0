"""An alert: one matter that people must know, from the moment at which it is raised until it is over."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

import msgspec

from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.telling import Telling

LONGEST_ID = max(map(len, AlertKind)) + 33
"""Characters of an alert's id: see `alert_id`."""


@dataclass(frozen=True, slots=True, order=True)
class Matter:
    """What an alert is about. The same matter is raised again only after it was cleared.

    Attributes:
        kind: what sort of thing it is.
        rule: what noticed it, such as the id of a budget; empty where there is only one rule of its kind.
        scope: whom or what it concerns, such as a path of a cost centre, a deployment or a day.
        period: the span of time after whose end the matter is over by itself, such as `2026-11`; empty: none.
        step: the threshold, such as `80 % actual`; empty where there is only one.
    """

    kind: AlertKind
    rule: str = ""
    scope: str = ""
    period: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a source sees of a matter now.

    Attributes:
        cost_centre: the path of whom it concerns; empty: the whole company.
        until: the end of the matter's period, after which it is over by itself; None: it has no period.
        is_event: whether it happened once, such as a closed period, and can never be taken back.
        basis: what the source wants to remember, to say what has changed when the matter is taken back.
    """

    matter: Matter
    severity: Severity
    facts: Facts
    cost_centre: str = ""
    until: datetime | None = None
    is_event: bool = False
    basis: Mapping[str, str] = field(default_factory=dict)


class TurnKind(StrEnum):
    """What is told about a matter."""

    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of a matter that is told.

    Attributes:
        at: when it was noticed (UTC).
        facts: what is said.
        tellings: channel → how far it has been told there; fixed when the turn is made.
    """

    at: datetime
    facts: Facts
    tellings: Mapping[str, Telling] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """A matter from its raising to its end. It is kept as one document and written in one piece.

    Attributes:
        occurrence: 1 for the first time that the matter is raised, then counted up.
        raised: what was told when it began.
        basis: that of the sighting with which it began.
        until: the end of the matter's period, after which it is over by itself; None: it has no period.
        quiet_since: since when the matter has not been seen, until that is certain enough to be told; None: it is seen.
        cleared: what was told when it was taken back; None as long as it stands, and where it ended by itself.
        ended: when it was over by itself, of which nobody is told.
    """

    matter: Matter
    occurrence: int
    severity: Severity
    cost_centre: str
    raised: Turn
    until: datetime | None = None
    is_event: bool = False
    basis: Mapping[str, str] = field(default_factory=dict)
    quiet_since: datetime | None = None
    cleared: Turn | None = None
    ended: datetime | None = None

    @property
    def id(self) -> str:
        """The alert's identity, the same wherever and however often it is worked out."""
        return alert_id(self.matter, self.occurrence)

    @property
    def stands(self) -> bool:
        """Whether the matter may still be taken back or end."""
        return not self.is_event and self.cleared is None and self.ended is None

    @property
    def turns(self) -> Mapping[TurnKind, Turn]:
        """What is told, in its order."""
        found = {TurnKind.RAISED: self.raised}
        return found if self.cleared is None else found | {TurnKind.CLEARED: self.cleared}

    @property
    def next_tellings(self) -> Mapping[str, Telling]:
        """Channel → what it is told next; without the channels that are done."""
        found: dict[str, Telling] = {}
        for channel in {**self.raised.tellings, **(self.cleared.tellings if self.cleared else {})}:
            turn = self.next_turn(channel)
            if turn is not None:
                found[channel] = self.turns[turn].tellings[channel]
        return found

    @property
    def dues(self) -> Mapping[str, datetime]:
        """Channel → when the next thing is to be done to tell it there; without the channels that are done."""
        return {channel: each.due for channel, each in self.next_tellings.items() if each.due is not None}

    @property
    def waits(self) -> Mapping[str, datetime]:
        """Channel → since when people wait for it there, or from when on they will; without those that are done."""
        tellings = self.next_tellings.items()
        return {channel: since for channel, each in tellings if (since := each.waits_since) is not None}

    @property
    def due(self) -> datetime | None:
        """When the next thing is to be done to tell it; None where everything has been told or given up."""
        return min(self.dues.values(), default=None)

    @property
    def digests_awaited(self) -> set[str]:
        """The digests for which one of its turns waits."""
        tellings = (each for turn in self.turns.values() for each in turn.tellings.values())
        return {each.digest for each in tellings if each.digest and not each.is_over}

    def next_turn(self, channel: str) -> TurnKind | None:
        """What is told next in a channel: that the matter is over only after that it began. None: nothing."""
        for kind, turn in self.turns.items():
            telling = turn.tellings.get(channel)
            if telling is not None and not telling.is_over:
                return kind
        return None


def with_telling(alert: Alert, turn: TurnKind, channel: str, telling: Telling) -> Alert:
    """The alert with one telling replaced."""
    changed = replace(alert.turns[turn], tellings={**alert.turns[turn].tellings, channel: telling})
    return replace(alert, raised=changed) if turn is TurnKind.RAISED else replace(alert, cleared=changed)


def alert_id(matter: Matter, occurrence: int) -> str:
    """`kind-` and 32 hexadecimal digits: a digest of everything that tells one occurrence of a matter from another."""
    parts = [matter.kind, matter.rule, matter.scope, matter.period, matter.step, occurrence]
    return f"{matter.kind}-{sha256(msgspec.json.encode(parts)).hexdigest()[:32]}"


def key_of(alert: str, turn: TurnKind, channel: str) -> str:
    """What a channel recognises a repetition by: the same for every attempt at one telling, 32 hexadecimal digits."""
    return sha256(msgspec.json.encode([alert, turn, channel])).hexdigest()[:32]
