"""Who is told what, and when: subscriptions by kind and cost centre, with digests and quiet hours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec

from chargeback.domain.alerts.alert import Sighting, TurnKind
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.telling import Telling, waiting
from chargeback.domain.cost_centres.tree import is_within

EVERY_DAY = frozenset(range(7))
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nobody wants to be disturbed; what comes then is told when they end.

    Attributes:
        start: local time at which they begin, on each of the days.
        end: local time at which they end, on the next day if it is not after the start.
        days: on which they begin, 0 for Monday.
        breaks: the mildest severity that is told all the same; None: nothing is.
    """

    start: time
    end: time
    days: frozenset[int] = EVERY_DAY
    breaks: Severity | None = Severity.MONEY_AT_RISK

    def end_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours end that hold at a moment (UTC); None where none do."""
        local = moment.astimezone(zone).date()
        ends = [end for begins, end in self._spans(local, zone) if begins <= moment < end]
        return max(ends, default=None)

    def _spans(self, day: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        for first in (day - _DAY, day):
            if first.weekday() in self.days:
                last = first if self.start < self.end else first + _DAY
                yield _moment(first, self.start, zone), _moment(last, self.end, zone)


@dataclass(frozen=True, slots=True)
class DigestTimes:
    """When what has come together is told in one message.

    Attributes:
        at: local time.
        days: on which days, 0 for Monday.
    """

    at: time
    days: frozenset[int] = EVERY_DAY

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The first time after a moment (UTC)."""
        day = moment.astimezone(zone).date()
        ahead = (day + n * _DAY for n in range(9))
        return next(
            at for each in ahead if each.weekday() in self.days and (at := _moment(each, self.at, zone)) > moment
        )


@dataclass(frozen=True, slots=True)
class AlertSubscription:
    """What one channel is told.

    Attributes:
        id: its name in the configuration.
        channel: the id of the channel.
        kinds: the kinds of alerts; empty: all.
        cost_centres: paths, each with everything below it; empty: everybody's, and what concerns the whole company.
        at_least: the mildest severity.
        digest: told together at these times; None: each by itself, as soon as may be.
        quiet: when it is not told.
        tells_clear: whether it is also told that a matter is over.
    """

    id: str
    channel: str
    kinds: frozenset[AlertKind] = frozenset()
    cost_centres: tuple[str, ...] = ()
    at_least: Severity = Severity.INFORMATION
    digest: DigestTimes | None = None
    quiet: QuietHours | None = None
    tells_clear: bool = True

    def wants(self, sighting: Sighting, turn: TurnKind) -> bool:
        """Whether this is told here."""
        if turn is TurnKind.CLEARED and not self.tells_clear:
            return False
        if self.kinds and sighting.matter.kind not in self.kinds:
            return False
        if self.cost_centres and not any(is_within(sighting.cost_centre, path) for path in self.cost_centres):
            return False
        return sighting.severity.rank >= self.at_least.rank

    def takes_every(self, kind: AlertKind) -> bool:
        """Whether each alert of a kind is told here, whomever it concerns and however mild it is."""
        of_kind = not self.kinds or kind in self.kinds
        return of_kind and not self.cost_centres and self.at_least is min(Severity, key=lambda each: each.rank)


@dataclass(frozen=True, slots=True)
class AlertPlan:
    """Every subscription, and the time zone of their hours."""

    subscriptions: tuple[AlertSubscription, ...] = ()
    time_zone: str = "UTC"

    def tellings(self, sighting: Sighting, turn: TurnKind, now: datetime) -> Mapping[str, Telling]:
        """Channel → the telling that begins now.

        Where several subscriptions lead to one channel it is told once, by the one that tells it first.
        """
        found: dict[str, Telling] = {}
        for each in self.subscriptions:
            if each.wants(sighting, turn):
                telling = self._telling(each, sighting.severity, now)
                known = found.get(each.channel)
                if known is None or _due(telling) < _due(known):
                    found[each.channel] = telling
        return found

    def _telling(self, subscription: AlertSubscription, severity: Severity, now: datetime) -> Telling:
        zone = ZoneInfo(self.time_zone)
        if subscription.digest is not None:
            at = subscription.digest.next_after(now, zone)
            return waiting(at, digest_id(subscription, at))
        quiet = subscription.quiet
        if quiet is None or (quiet.breaks is not None and severity.rank >= quiet.breaks.rank):
            return waiting(now)
        return waiting(quiet.end_after(now, zone) or now)

    def unheard(self) -> list[AlertKind]:
        """The kinds of which no subscription takes every alert, so that some of them may reach nobody."""
        return [kind for kind in AlertKind if not any(each.takes_every(kind) for each in self.subscriptions)]


def digest_id(subscription: AlertSubscription, at: datetime) -> str:
    """The identity of the digest of a subscription at a time."""
    parts = [subscription.channel, subscription.id, at.astimezone(UTC).isoformat()]
    return f"digest-{sha256(msgspec.json.encode(parts)).hexdigest()[:32]}"


def _due(telling: Telling) -> datetime:
    assert telling.due is not None
    return telling.due


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
