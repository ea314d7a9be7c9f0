"""The ports for the ledger, the marks of days to audit, the quarantine and the dead letters.

Every method may raise `StoreUnavailable`; days are UTC days as `YYYY-MM-DD`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from chargeback.domain.time.days import UtcDay


class LedgerBlock(NamedTuple):
    """Whole lines of a day's ledger (NDJSON), some MB at most.

    Attributes:
        text: the lines; may be empty.
        written: when they were written, in microseconds since 1970; 0 where an older version wrote them.
        missing: appends of the same writer that were acknowledged before and are not there any more.
    """

    text: bytes
    written: int
    missing: int = 0


class Ledger(Protocol):
    """The append-only record of accepted events, one folder a UTC day."""

    async def append(self, day: UtcDay, events: Sequence[bytes]) -> None:
        """Make the events durable before returning; an event may be stored twice, never lost."""

    def blocks(self, day: UtcDay) -> AsyncIterator[bytes]:
        """The day's events as blocks of whole lines (NDJSON, a few MB each), always in the same order."""

    def stamped_blocks(self, day: UtcDay, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:
        """The same blocks with the time of their writing, which decides between events of one call.

        `within` an earlier extent: what was there then, in the same blocks, whatever was appended since.
        """

    async def extent(self, day: UtcDay) -> dict[str, int]:
        """The parts of the day's ledger with their sizes; a part never shrinks and never goes."""

    async def days(self) -> list[UtcDay]:
        """The days that have events, ascending."""

    async def mark(self, day: UtcDay) -> None:
        """Remember that the day has to be audited."""

    async def marks(self) -> dict[UtcDay, str]:
        """The marked days, each with a token of its latest mark."""

    async def unmark(self, day: UtcDay, token: str) -> None:
        """Forget a mark unless the day was marked again since `token`."""

    async def note(self, text: str, after: str | None) -> str:
        """Remember a short note next to the marks, instead of the last one, and return its token.

        Raises `Superseded` if `after` is not the token of the last one; None: there was none. The note may have been
        written although `Superseded` or `StoreUnavailable` is raised, where the answer was lost.
        """

    async def latest_note(self) -> tuple[str, str | None]:
        """The note that was left last with its token; empty with None where none was."""


class DayMarks(Protocol):
    """Days for which work is still to be done."""

    async def mark(self, day: UtcDay) -> None:
        """Remember the day."""

    async def all(self) -> Mapping[UtcDay, str]:
        """The marked days, each with a token of its latest mark."""

    async def unmark(self, day: UtcDay, token: str) -> None:
        """Forget a mark unless the day was marked again since `token`."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that could not be used, and why.

    Attributes:
        reason: a short stable word.
        detail: what is wrong and where; never a value of the event.
        raw: what is kept of the event; see `domain.events.withheld`.
        emitter: who sent it; empty where an older version did not keep that.
    """

    reason: str
    detail: str
    raw: bytes
    emitter: str = ""


class Quarantine(Protocol):
    """Where unusable events wait for a fix."""

    async def put(self, rejected: Sequence[Rejected], day: UtcDay) -> None:
        """Keep the events; the same ones again add nothing. `day`: when they arrived."""

    async def batches(self) -> list[str]:
        """Names of the kept batches, ascending."""

    async def get(self, batch: str) -> list[Rejected]:
        """The events of a batch; none where another run has taken it."""

    async def remove(self, batch: str) -> None:
        """Drop a batch whose events have found their place, unless another run has."""


class DeadLetters(Protocol):
    """Events that Event Grid could not deliver for a day."""

    async def batches(self) -> list[str]:
        """Names of the batches, ascending."""

    async def get(self, batch: str) -> list[bytes]:
        """The raw events of a batch; none where another run has taken it."""

    async def remove(self, batch: str) -> None:
        """Drop a batch whose events have found their place, unless another run has."""
