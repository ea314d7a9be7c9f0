"""How far one turn of an alert has been told in one channel."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

MOST_ATTEMPTS = 10
"""Then a telling is given up: with the waits below that is after some 28 hours."""

WAITS = tuple(timedelta(seconds=s) for s in (5, 60, 300, 1_800, 7_200, 18_000, 21_600, 21_600, 21_600))
"""Before the second and each further attempt, as a channel is away for seconds or for a night."""

LEASE = timedelta(seconds=60)
"""How long an attempt may take; then whoever made it is treated as dead, and it is made again with the same key."""


class TellingState(StrEnum):
    """Where a telling is."""

    WAITING = "waiting"
    SENDING = "sending"
    TOLD = "told"
    GIVEN_UP = "given-up"
    IN_DIGEST = "in-digest"
    NEVER = "never"
    """It was over before it was told, or the channel is no longer configured."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One turn in one channel.

    Attributes:
        due: when something is to be done; None where nothing is left to do. While it is being sent: when the sender
            is treated as dead.
        digest: the id of the digest which tells it, or for which it waits; empty: by itself.
        attempts: how often sending was begun.
        at: when it was told or given up.
        fault: why the last attempt failed.
        since: when it was due first, however often it was tried after that.
    """

    state: TellingState
    due: datetime | None = None
    digest: str = ""
    attempts: int = 0
    at: datetime | None = None
    fault: str = ""
    since: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.due is None

    @property
    def waits_since(self) -> datetime | None:
        """Since when people wait for it, though it is tried again later; None where nothing is left to do."""
        return None if self.due is None else self.since or self.due


def waiting(due: datetime, digest: str = "") -> Telling:
    """A telling that nobody has begun."""
    return Telling(TellingState.WAITING, due, digest, since=due)


def attempted(telling: Telling, now: datetime) -> Telling:
    """An attempt begins."""
    return replace(telling, state=TellingState.SENDING, due=now + LEASE, attempts=telling.attempts + 1)


def told(telling: Telling, now: datetime) -> Telling:
    """The channel took it."""
    return replace(telling, state=TellingState.TOLD, due=None, at=now, fault="")


def failed(telling: Telling, now: datetime, fault: str, *, again: bool) -> Telling:
    """An attempt failed.

    `again`: whether it can succeed later at all.
    """
    if not again or telling.attempts >= MOST_ATTEMPTS:
        return replace(telling, state=TellingState.GIVEN_UP, due=None, at=now, fault=fault)
    wait = WAITS[min(telling.attempts, len(WAITS)) - 1]
    return replace(telling, state=TellingState.WAITING, due=now + wait, fault=fault)


def postponed(telling: Telling, until: datetime, fault: str) -> Telling:
    """The channel takes nothing before a moment: that is no attempt, however often it says so."""
    attempts = max(telling.attempts - 1, 0)
    return replace(telling, state=TellingState.WAITING, due=until, attempts=attempts, fault=fault)


def joined(telling: Telling, now: datetime) -> Telling:
    """A digest tells it from now on."""
    return replace(telling, state=TellingState.IN_DIGEST, due=None, at=now)


def dropped(telling: Telling, now: datetime, why: str) -> Telling:
    """Nobody is told any more."""
    return replace(telling, state=TellingState.NEVER, due=None, at=now, fault=why)
