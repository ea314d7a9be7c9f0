"""Reads the subscriptions of alerts.yaml: which channel is told what, and when."""

import re
from collections.abc import Collection, Iterator
from datetime import time
from typing import Any, Literal, get_args

from chargeback.adapters.config.entries import Record, each
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.subscriptions import EVERY_DAY, AlertSubscription, DigestTimes, QuietHours
from chargeback.domain.cost_centres.tree import is_within

_ID = re.compile(r"[a-z][a-z0-9-]{0,63}", re.A)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.A)
_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[_Day, ...] = get_args(_Day)
_UNALLOCATED = "unallocated"
_NEVER = "never"


class _Digest(Record, frozen=True):
    at: Any
    days: tuple[_Day, ...] | None = None


class _Quiet(Record, frozen=True, rename={"start": "from", "end": "to"}):
    start: Any
    end: Any
    days: tuple[_Day, ...] | None = None
    breaks: str = Severity.MONEY_AT_RISK


class Subscribed(Record, frozen=True):
    """A subscription of one channel, as the file has it."""

    id: str
    channel: str
    kinds: tuple[AlertKind, ...] | None = None
    cost_centres: tuple[str, ...] | None = None
    at_least: Severity = Severity.INFORMATION
    digest: _Digest | None = None
    quiet: _Quiet | None = None
    tells_clear: bool = True


def alert_subscriptions(
    raw: object, channels: Collection[str], cost_centres: Collection[str] | None, faults: list[str]
) -> tuple[AlertSubscription, ...]:
    """The subscriptions of a document.

    `channels` are the ids of its channels. `cost_centres` are the paths of the tree; None: nobody knows them. What is
    wrong is appended to `faults`.
    """
    found = []
    for place, entry in each(raw, Subscribed, "subscriptions", faults):
        wrong = [f"{place}.{fault}" for fault in _faults(entry, channels, cost_centres)]
        faults.extend(wrong)
        if not wrong:
            found.append(_subscription(entry))
    return tuple(found)


def _faults(entry: Subscribed, channels: Collection[str], cost_centres: Collection[str] | None) -> Iterator[str]:
    if not _ID.fullmatch(entry.id):
        yield f"id: {entry.id!r} is not up to 64 of a-z, 0-9 and -"
    if entry.channel not in channels:
        yield f"channel: {entry.channel!r} is not the id of a channel"
    for name, given in (("kinds", entry.kinds), ("costCentres", entry.cost_centres)):
        if given is not None and not given:
            yield f"{name}: names none; leave it out for all"
    for index, path in enumerate(entry.cost_centres or ()):
        if not path or (cost_centres is not None and not _is_known(path, cost_centres)):
            yield f"costCentres[{index}]: {path!r} is not in cost-centres.yaml"
    yield from _time_faults(entry)


def _is_known(path: str, cost_centres: Collection[str]) -> bool:
    return path == _UNALLOCATED or any(is_within(centre, path) for centre in cost_centres)


def _time_faults(entry: Subscribed) -> Iterator[str]:
    if entry.digest is not None:
        yield from _clock_faults("digest.at", entry.digest.at)
        yield from _day_faults("digest.days", entry.digest.days)
        if entry.quiet is not None:
            yield "quiet: a digest is told at its own times; leave one of them out"
    if entry.quiet is not None:
        yield from _clock_faults("quiet.from", entry.quiet.start)
        yield from _clock_faults("quiet.to", entry.quiet.end)
        yield from _day_faults("quiet.days", entry.quiet.days)
        if entry.quiet.breaks not in (*Severity, _NEVER):
            yield f"quiet.breaks: {entry.quiet.breaks!r} is not one of {', '.join((*Severity, _NEVER))}"


def _clock_faults(place: str, value: object) -> Iterator[str]:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        yield f'{place}: {value!r} is not a quoted time such as "08:00"'


def _day_faults(place: str, days: tuple[_Day, ...] | None) -> Iterator[str]:
    if days is not None and not days:
        yield f"{place}: names none; leave it out for every day"


def _subscription(entry: Subscribed) -> AlertSubscription:
    return AlertSubscription(
        id=entry.id,
        channel=entry.channel,
        kinds=frozenset(entry.kinds or ()),
        cost_centres=entry.cost_centres or (),
        at_least=entry.at_least,
        digest=DigestTimes(time.fromisoformat(entry.digest.at), _days(entry.digest.days)) if entry.digest else None,
        quiet=_quiet(entry.quiet) if entry.quiet else None,
        tells_clear=entry.tells_clear,
    )


def _quiet(stated: _Quiet) -> QuietHours:
    breaks = None if stated.breaks == _NEVER else Severity(stated.breaks)
    return QuietHours(time.fromisoformat(stated.start), time.fromisoformat(stated.end), _days(stated.days), breaks)


def _days(named: tuple[_Day, ...] | None) -> frozenset[int]:
    return EVERY_DAY if named is None else frozenset(map(_DAYS.index, named))
