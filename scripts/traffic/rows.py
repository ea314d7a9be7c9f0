"""Reads the rows of a trace and moves them to other times."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"
MICROSECOND = timedelta(microseconds=1)


class RefusedError(Exception):
    """The trace or an option cannot be used; the message says what and where."""


class Call(NamedTuple):
    """One row of a trace; `at` is in microseconds after its first row."""

    at: int
    context: int
    generated: int


def read_calls(path: Path) -> Iterator[Call]:
    """The rows of a trace, one at a time; raises `RefusedError` with file and line."""
    first: datetime | None = None
    with path.open(encoding="utf-8-sig") as lines:
        header = lines.readline().strip()
        if header != HEADER:
            raise RefusedError(f"{path}:1: the header is {header!r}, expected {HEADER!r}")
        for number, line in enumerate(lines, 2):
            try:
                moment, context, generated = line.split(",")
                at = datetime.fromisoformat(moment)
                first = first or at
                call = Call((at - first) // MICROSECOND, int(context), int(generated))
            except (ValueError, TypeError):
                raise RefusedError(f"{path}:{number}: {line.strip()!r} is not {HEADER}") from None
            if call.at < 0 or call.context < 0 or call.generated < 0:
                raise RefusedError(f"{path}:{number}: {line.strip()!r} is before the first row or counts below zero")
            yield call


def span(path: Path) -> int:
    """Microseconds from the first row of a trace to a second after its last, so that copies do not meet."""
    return max((call.at for call in read_calls(path)), default=0) + 1_000_000


@dataclass(frozen=True, slots=True)
class Timing:
    """The trace put `copies` times in a row from `start` on, everything `factor` times as far apart."""

    start: datetime
    span: int
    copies: int = 1
    factor: float = 1.0

    @classmethod
    def of_month(cls, month: datetime, span: int, copies: int, *, stretch: bool) -> "Timing":
        """From the start of a month; with `stretch` the copies together last until its end."""
        length = (next_month(month) - month) // MICROSECOND
        return cls(month, span, copies, length / (span * copies) if stretch else 1.0)

    def at(self, copy: int, call: Call) -> datetime:
        """When a call of a copy (the first is 0) was made."""
        return self.start + timedelta(microseconds=int((self.span * copy + call.at) * self.factor))


def next_month(month: datetime) -> datetime:
    """The start of the month after."""
    return (month + timedelta(days=31)).replace(day=1)


def last_month(now: datetime) -> datetime:
    """The start of the last whole month: every event in it lies in the past."""
    return (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)).replace(day=1)
