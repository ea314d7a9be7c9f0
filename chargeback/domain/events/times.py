"""In which UTC day and hour a call was made, and which times are accepted; times are read exactly (RFC 3339)."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from chargeback.domain.errors import InvalidEvent
from chargeback.domain.time.days import UtcDay, start_of, utc_day

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:([Zz])|[+-]\d\d:[0-5]\d)", re.A
)
_SECONDS = frozenset(f"{second:02}" for second in range(61))
_NO_TIME = "time is not RFC 3339 such as 2026-03-14T09:26:53Z - at `$.time`"


class AcceptedTimes(NamedTuple):
    """The days and hours whose events are accepted: from `earliest` day to the hour `latest`."""

    earliest: UtcDay
    latest: tuple[UtcDay, int]

    @classmethod
    def around(cls, now: datetime, *, max_age: timedelta, clock_skew: timedelta) -> "AcceptedTimes":
        """What is accepted at `now` (UTC): nothing older than `max_age`, nothing ahead by more than `clock_skew`."""
        latest = now + clock_skew
        return cls(utc_day(now - max_age), (utc_day(latest), latest.hour))

    def check(self, day: UtcDay, hour: int) -> None:
        """Raise `InvalidEvent` for an hour outside."""
        if day < self.earliest or (day, hour) > self.latest:
            raise InvalidEvent(
                "time-out-of-range",
                f"time is on {day} at {hour:02}h; accepted are {self.earliest} to {self.latest[0]}T{self.latest[1]:02}"
                " - at `$.time`",
            )


EVER = AcceptedTimes(UtcDay("0000-00-00"), (UtcDay("9999-99-99"), 24))
"""Accepts any time: events in the ledger were accepted when they came, and reading them again does not judge that."""


def hour_of(time: str) -> tuple[UtcDay, int]:
    """The UTC day and hour of a time. Raises `InvalidEvent`."""
    if time[17:19] in _SECONDS and time[-1] == "Z":
        fraction = time[19:-1]
        if not fraction or (fraction[0] == "." and fraction[1:].isdecimal() and fraction.isascii()):
            return _hour_of_minute(time[:17])
    return _read_time(time)


def moment_of(time: str) -> datetime:
    """The instant (UTC) of a time that `hour_of` reads: in that very hour, cut to microseconds."""
    day, hour = hour_of(time)
    minute, second = int(time[14:16]), min(int(time[17:19]), 59)
    offset = 0 if time[-1] in "Zz" else int(time[-2:]) * (-1 if time[-6] == "-" else 1)
    fraction = re.match(r"\.(\d{1,6})", time[19:])
    microsecond = int(fraction[1].ljust(6, "0")) if fraction else 0
    return start_of(day).replace(hour=hour, minute=(minute - offset) % 60, second=second, microsecond=microsecond)


@lru_cache(maxsize=8192)
def _hour_of_minute(minute: str) -> tuple[UtcDay, int]:
    """Most events share their minute with others, so each minute is parsed once."""
    return _read_time(f"{minute}00Z")


def _read_time(time: str) -> tuple[UtcDay, int]:
    match = _TIME.fullmatch(time)
    if match is None:
        raise InvalidEvent("bad-time", _NO_TIME)
    day, hour, zulu = match.groups()
    if zulu:
        _require_day(day)
        return UtcDay(day), int(hour)
    try:
        # Cut to microseconds instead of rounding, or the last instant of a day would move to the next.
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", time).replace(":60", ":59")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidEvent("bad-time", _NO_TIME) from None
    return utc_day(moment), moment.hour


@lru_cache(maxsize=4096)
def _require_day(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise InvalidEvent("bad-time", "time is on a day that does not exist - at `$.time`") from None
