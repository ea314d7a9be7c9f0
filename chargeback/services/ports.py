"""What the services need from the outside, as protocols; `adapters/` keeps them, `adapters/memory.py` for tests.

Those of published files and invoices are in `report_ports`, that of the gateway's log in `log_ports`.
Every method may raise `StoreUnavailable`; days are UTC days as `YYYY-MM-DD`.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol

from chargeback.domain.catalogue import Catalogue
from chargeback.domain.events import Phase, UsageEvent
from chargeback.domain.in_force import InForce
from chargeback.domain.lines import Line
from chargeback.domain.meters import Quantities
from chargeback.domain.records import UsageRecord
from chargeback.domain.stored_objects import StoredObject
from chargeback.domain.terms import Terms

Document = dict[str, Any]

SUMS: Final = "summary"
HOURS: Final = "hours"
View = Literal["summary", "hours"]
"""The documents that are made of a day's records: their sums, and the spend of each hour."""


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

    async def append(self, day: str, events: Sequence[bytes]) -> None:
        """Make the events durable before returning; an event may be stored twice, never lost."""

    def blocks(self, day: str) -> AsyncIterator[bytes]:
        """The day's events as blocks of whole lines (NDJSON, a few MB each), always in the same order."""

    def stamped(self, day: str, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:
        """The same blocks with the time of their writing, which decides between events of one call.

        `within` an extent of before: what was there then, in the same blocks, whatever was appended since.
        """

    async def extent(self, day: str) -> dict[str, int]:
        """The parts of the day's ledger with their sizes; a part never shrinks and never goes."""

    async def days(self) -> list[str]:
        """The days that have events, ascending."""

    async def mark(self, day: str) -> None:
        """Remember that the day has to be audited."""

    async def marks(self) -> dict[str, str]:
        """The marked days, each with a token of its latest mark."""

    async def unmark(self, day: str, token: str) -> None:
        """Forget a mark unless the day was marked again since `token`."""

    async def note(self, text: str, after: str | None) -> str:
        """Remember a short text beside the marks, instead of the last one, and return its token.

        Raises `Superseded` if `after` is not the token of the last one; None: there was none. The note may have been
        written although `Superseded` or `StoreUnavailable` is raised, where the answer was lost.
        """

    async def noted(self) -> tuple[str, str | None]:
        """The text that was noted last with its token; empty with None where none was."""


MOST_QUANTITIES: Final = 2**62
"""All quantities of a counted day together; no sum of a line can then reach the 64 bits that Redis counts in."""

MOST_LINES: Final = 200_000
"""Lines of a counted day: each takes about a kilobyte of memory. More are in the ledger, for the audit."""


MOST_LINES_OF_ONE: Final = 50_000
"""Lines of one caller (`domain.folding.caller_of`) on a counted day, so that none fills it for all."""


MOST_WAITING_OF_ONE: Final = 200_000
"""Calls of one caller that wait for their tokens on a counted day, some 600 bytes each; the further ones are only
counted, and `settle --day` finds them in the ledger."""


class Weighted(NamedTuple):
    """A usage event with what it spends, for budget decisions.

    Attributes:
        event: the event.
        scopes: budget scopes that the spend counts towards, such as `subscription:search`.
        picodollars: the spend, in 10**-12 of the rate card's currency; an estimate at today's knowledge, never billed.
        folded: the line that it is counted under if its caller has sent too many names that day; None: its own.
    """

    event: UsageEvent
    scopes: tuple[str, ...]
    picodollars: int
    folded: Line | None = None


Weigh = Callable[[UsageEvent], Weighted]
"""Tells what an event spends; a call whose phases come apart is weighed as what they make together."""


@dataclass(frozen=True, slots=True)
class CountedLine:
    """A line as counted: its meters by UTC hour."""

    line_id: str
    line: Line
    hours: Mapping[int, Quantities]


@dataclass(frozen=True, slots=True)
class Changed:
    """The lines of a day that changed since they were posted: line id → version of the change.

    `version` is the day's latest; one below what was told before means that the store took a change back.
    """

    epoch: str
    lines: Mapping[str, int] = field(default_factory=dict)
    version: int = 0


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

    async def count(self, day: str, events: Sequence[UsageEvent], weigh: Weigh) -> Sequence[bool]:
        """Count each event by the rule of `domain.phases`; tells for each whether it changed what is counted.

        Raises `CountFull` after all the others are counted if the day has no room for some.
        """

    async def epoch(self, day: str) -> str | None:
        """The day's identity: another one means that the day was lost in between. None: nothing counted."""

    async def begin(self, day: str) -> str:
        """The day's identity, made where it has none. Raises `CountLost` if it is lost again at once."""

    async def changed(self, day: str) -> Changed | None:
        """The lines to post, or None where nothing of the day is counted."""

    async def lines(self, day: str, epoch: str, line_ids: Sequence[str]) -> list[CountedLine]:
        """What is counted now under these lines. Raises `CountLost` if the day's epoch is another."""

    async def posted(self, day: str, epoch: str, lines: Mapping[str, int]) -> None:
        """These versions are in the books; a line that changed meanwhile stays changed."""

    async def touch(self, day: str) -> int:
        """Mark every line of the day as changed; returns the version of that change, 0 where there is no line."""

    async def forget(self, day: str) -> None:
        """Drop all that is counted of the day; the next posting counts it anew from the ledger."""

    def pending(self, day: str) -> AsyncIterator[list[bytes]]:
        """The events of calls whose tokens are not known yet, some hundred at a time; one may come twice.

        Those that are settled meanwhile may be among them or not. `beyond` counts those for which there is no room.
        """

    async def beyond(self, day: str) -> Mapping[str, int]:
        """Caller → its calls that wait for their tokens and are not among the pending ones."""

    async def known(self, day: str, calls: Sequence[str]) -> Sequence[bool] | None:
        """Whether each of these calls is accounted for on the day; None where nothing of the day is counted.

        What an emitter beside the gateway says of a call does not account for it.
        """

    async def seen(self, day: str, calls: Sequence[str]) -> Sequence[Seen | None]:
        """What is known of each of these calls on the day; None of one without an event of its own."""

    async def spend(self, day: str) -> dict[str, int]:
        """Budget scope → picodollars spent on the day, for decisions within seconds."""

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the store answers."""


@dataclass(frozen=True, slots=True)
class Posting:
    """The fence of one shard of a day: what it was last written from, and the token of that write.

    Attributes:
        epoch: the counter's epoch whose lines are posted; None where the ledger was posted directly.
        catalogue: digest of the catalogue that rated the records.
        token: changes with every write of the shard.
    """

    epoch: str | None
    catalogue: str
    token: str


class Books(Protocol):
    """The posted view: usage records by day, written in shards, each behind a fence.

    A shard is written in one piece with its fence, on condition that nobody wrote it since the fence was read.
    Values that are read after the fence and written on that condition can therefore never replace newer ones.
    """

    shards: int

    async def postings(self, day: str) -> dict[int, Posting]:
        """The fences of the day's shards; a shard never written is absent."""

    async def write(
        self,
        day: str,
        shard: int,
        after: Posting | None,
        posting: tuple[str | None, str],
        records: Sequence[UsageRecord],
    ) -> Posting:
        """Set the records and the fence, to (epoch, catalogue digest).

        Raises `Superseded` if `after` is not the latest fence, `RecordsRefused` where the store takes some records
        in no case, such as one that is too large: the others and the fence are written then.
        """

    def records(self, day: str) -> AsyncIterator[Sequence[UsageRecord]]:
        """The day's records, page by page, in no particular order."""

    def documents(self, day: str) -> AsyncIterator[bytes]:
        """The same records as they are stored (`domain.records.to_document`): pages of NDJSON, each line ended."""

    async def summary(self, day: str, view: View = SUMS) -> tuple[Document, str] | None:
        """The day's summary with its token."""

    async def put_summary(self, day: str, summary: Document, after: str | None, view: View = SUMS) -> None:
        """Set the summary. Raises `Superseded` if `after` is not the token of the latest."""

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless the store answers."""


class Control(Protocol):
    """Small documents that steer the product, by kind; each kind has one owner, who alone reads and writes it."""

    async def get(self, kind: str, name: str) -> Document | None:
        """One document."""

    async def get_versioned(self, kind: str, name: str) -> tuple[Document, str] | None:
        """One document with the token of its latest write."""

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        """Set one document and return its new token.

        Raises `Superseded` if `after` is not the token of its latest write; None: it was never written. Where the
        answer to a write is lost, the write may have happened although `Superseded` or `StoreUnavailable` is raised.
        """

    async def all(self, kind: str) -> list[Document]:
        """Every document of a kind, by name."""


class StoredObjects(Protocol):
    """Who owns which stored object: an index that the ledger can always give again."""

    async def add(self, objects: Sequence[StoredObject]) -> None:
        """Keep the objects; of one that is known the first owner stays."""

    async def find(self, ids: Collection[str]) -> Mapping[str, StoredObject]:
        """Those of the objects that are known, by id."""


class DayMarks(Protocol):
    """Days for which something is still to be done."""

    async def mark(self, day: str) -> None:
        """Remember the day."""

    async def all(self) -> Mapping[str, str]:
        """The marked days, each with a token of its latest mark."""

    async def unmark(self, day: str, token: str) -> None:
        """Forget a mark unless the day was marked again since `token`."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that could not be used, and why.

    Attributes:
        reason: a short stable word.
        detail: what is wrong and where; never a value of the event.
        raw: what is kept of the event; see `domain.withheld`.
        emitter: who sent it; empty where an older version did not keep that.
    """

    reason: str
    detail: str
    raw: bytes
    emitter: str = ""


class Quarantine(Protocol):
    """Where unusable events wait for a fix."""

    async def put(self, rejected: Sequence[Rejected], day: str) -> None:
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


@dataclass(frozen=True, slots=True)
class Version:
    """A configuration that is stored by name, so that a period can be rated and settled with it for ever."""

    name: str
    catalogue: Catalogue = field(compare=False)
    terms: Terms = field(compare=False)


class Catalogues(Protocol):
    """Where the catalogue in force comes from."""

    async def current(self) -> Catalogue:
        """The rate card, deployments and cost centres in force."""

    async def in_force(self) -> InForce:
        """What rates usage: the current catalogue and those of the closed periods; the same object while unchanged."""

    async def frozen(self) -> Mapping[str, Catalogue]:
        """What rates the periods that are closed or being closed, read afresh."""

    async def terms(self) -> Terms:
        """How open periods are settled: exchange rates, shared costs, budgets, closing rules."""

    async def version(self) -> Version:
        """The configuration in force, read afresh and stored by name; in_force() agrees with it from then on."""

    async def stored(self, name: str) -> Version:
        """A stored configuration."""
