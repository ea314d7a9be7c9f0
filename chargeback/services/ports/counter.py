"""The port for the counter of the open days.

Every method may raise `StoreUnavailable`; days are UTC days as `YYYY-MM-DD`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from chargeback.domain.events.usage_event import Phase, UsageEvent
from chargeback.domain.time.days import UtcDay
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Quantities

MOST_QUANTITIES: Final = 2**62
"""All quantities of a counted day together; no sum of a line can then reach the 64 bits that Redis counts in."""

MOST_LINES: Final = 200_000
"""Lines of a counted day: each takes about a kilobyte of memory. More are in the ledger, for the audit."""


MOST_LINES_OF_ONE: Final = 50_000
"""Lines of one caller (`domain.cost_centres.folding.caller_of`) on a counted day, so that none fills it for all."""


MOST_WAITING_OF_ONE: Final = 200_000
"""Calls of one caller that wait for their tokens on a counted day, about a kilobyte each; the further ones are only
counted, and `settle --day` finds them in the ledger."""


class EstimatedEvent(NamedTuple):
    """A usage event with what it spends, for budget decisions.

    Attributes:
        event: the event.
        scopes: the fields of the counter's spend that it adds to (`domain.budgets.spend_fields`).
        picodollars: the spend, in 10**-12 of the rate card's currency; an estimate at today's knowledge, never billed.
        folded: the line that it is counted under if its caller has sent too many names that day; None: its own.
        folded_scopes: the fields that it adds to then; None: the same.
    """

    event: UsageEvent
    scopes: tuple[str, ...]
    picodollars: int
    folded: Line | None = None
    folded_scopes: tuple[str, ...] | None = None


EstimateSpend = Callable[[UsageEvent], EstimatedEvent]
"""Tells what an event spends; a call whose phases come apart spends what they make together."""


@dataclass(frozen=True, slots=True)
class CountedLine:
    """A line as counted: its meters by UTC hour."""

    line_id: str
    line: Line
    hours: Mapping[int, Quantities]


@dataclass(frozen=True, slots=True)
class ChangedLines:
    """The lines of a day that changed since they were posted: line id → version of the change.

    `version` is the day's latest; one below an earlier answer means that the store lost a change.
    """

    epoch: str
    lines: Mapping[str, int] = field(default_factory=dict)
    version: int = 0


class CountedSpend(NamedTuple):
    """What the events of a day spent, as they were counted.

    Attributes:
        epoch: the day's identity; None where nothing of it is counted.
        picodollars: by field of the spend, in 10**-12 of the rate card's currency.
    """

    epoch: str | None
    picodollars: Mapping[str, int]


class Seen(NamedTuple):
    """What is known of a call on a day.

    Attributes:
        first: the lowest phase of its own events, which says who called.
        last: the highest phase of its events, which says what was used.
    """

    first: Phase
    last: Phase


class Counter(Protocol):
    """The fast view of the open days: counts every call once. It may lose a day at any time."""

    async def count(self, day: UtcDay, events: Sequence[UsageEvent], estimate: EstimateSpend) -> Sequence[bool]:
        """Count each event by the rule of `domain.events.phases`; tells for each whether it changed what is counted.

        Raises `CountFull` after all the others are counted if the day has no room for some.
        """

    async def epoch(self, day: UtcDay) -> str | None:
        """The day's identity: a new one means that the day was lost in between. None: nothing is counted."""

    async def begin(self, day: UtcDay) -> str:
        """The day's identity, made where it has none. Raises `CountLost` if it is lost again at once."""

    async def changed_lines(self, day: UtcDay) -> ChangedLines | None:
        """The lines to post, or None where nothing of the day is counted."""

    async def lines(self, day: UtcDay, epoch: str, line_ids: Sequence[str]) -> list[CountedLine]:
        """The current counts of these lines. Raises `CountLost` if the day has another epoch."""

    async def mark_posted(self, day: UtcDay, epoch: str, lines: Mapping[str, int]) -> None:
        """These versions are in the books; a line that changed meanwhile stays changed."""

    async def touch(self, day: UtcDay) -> int:
        """Mark every line of the day as changed; returns the version of that change, 0 where there is no line."""

    async def forget(self, day: UtcDay) -> None:
        """Drop all that is counted of the day; the next posting counts it again from the ledger."""

    def pending(self, day: UtcDay) -> AsyncIterator[list[bytes]]:
        """The events of calls whose tokens are not known yet, some hundred at a time; one may come twice.

        Those that are settled meanwhile may be among them or not. `beyond` counts those for which there is no room.
        """

    async def beyond(self, day: UtcDay) -> Mapping[str, int]:
        """Caller → its calls that wait for their tokens and are not among the pending ones."""

    async def accounted_for(self, day: UtcDay, calls: Sequence[str]) -> Sequence[bool] | None:
        """Whether each of these calls is accounted for on the day; None where nothing of the day is counted.

        Another emitter's description of a call does not account for it.
        """

    async def seen(self, day: UtcDay, calls: Sequence[str]) -> Sequence[Seen | None]:
        """What is known of each of these calls on the day; None for a call without an event of its own."""

    async def spend(self, day: UtcDay) -> CountedSpend:
        """What is spent on the day, for decisions within seconds."""

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the store answers."""
