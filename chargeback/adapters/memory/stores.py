"""The stores in memory, which behave like the real ones; the counter is in `counter`, files are in `reports`."""

import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby
from operator import itemgetter

import msgspec

from chargeback.adapters.batches import dead_letters, quarantine_name
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import RecordsRefused, StoreUnavailable, Superseded
from chargeback.domain.events.stored_objects import StoredObject
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.usage_record import UsageRecord, ndjson, to_document
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month
from chargeback.services.budgets.complete_terms import CompleteTerms
from chargeback.services.configuring.versions import ConfigVersions
from chargeback.services.periods.documents import PeriodDocuments
from chargeback.services.ports.books import SUMS, Posting, View
from chargeback.services.ports.control import AppliedVersion, Control, Document, Version
from chargeback.services.ports.ledger import LedgerBlock, Rejected

MAX_BYTES = 2 * 1024 * 1024
"""What Cosmos DB takes as one document (learn.microsoft.com/azure/cosmos-db/concepts-limits)."""

TOO_LARGE = "Request size is too large: the limit is 2 MB."


def _is_too_large(document: Document) -> bool:
    return len(msgspec.json.encode(document)) > MAX_BYTES


class MemoryLedger:
    """The ledger as lists; each append is later than the one before, and `writer` says who makes the next ones."""

    def __init__(self) -> None:
        self.events: dict[UtcDay, list[bytes]] = {}
        self.writer = "memory"
        self._stamps: dict[UtcDay, list[tuple[str, int]]] = {}
        self._time = 0
        self._marks = MemoryMarks()
        self._note: tuple[str, str | None] = ("", None)

    async def append(self, day: UtcDay, events: Sequence[bytes]) -> None:
        """Make the events durable."""
        self._time += 1
        self.events.setdefault(day, []).extend(events)
        self._stamps.setdefault(day, []).extend([(self.writer, self._time)] * len(events))

    async def blocks(self, day: UtcDay) -> AsyncIterator[bytes]:
        """The day's events."""
        async for block in self.stamped_blocks(day):
            yield block.text

    async def stamped_blocks(self, day: UtcDay, within: Mapping[str, int] | None = None) -> AsyncIterator[LedgerBlock]:
        """The day's events by writer, with the time of their writing; a block is an append or a thousand events."""
        parts = self._parts(day)
        for writer in sorted(parts):
            kept = parts[writer] if within is None else parts[writer][: within.get(writer, 0)]
            for written, block in groupby(kept, key=itemgetter(0)):
                events = [raw for _, raw in block]
                for start in range(0, len(events), 1000):
                    yield LedgerBlock(b"\n".join(events[start : start + 1000]) + b"\n", written)

    def _parts(self, day: UtcDay) -> dict[str, list[tuple[int, bytes]]]:
        parts: dict[str, list[tuple[int, bytes]]] = {}
        for (writer, written), raw in zip(self._stamps.get(day, ()), self.events.get(day, ()), strict=False):
            parts.setdefault(writer, []).append((written, raw))
        return parts

    async def extent(self, day: UtcDay) -> dict[str, int]:
        """A part for each writer, with the number of its events."""
        return {writer: len(events) for writer, events in self._parts(day).items()}

    async def days(self) -> list[UtcDay]:
        """The days that have events."""
        return sorted(self.events)

    async def mark(self, day: UtcDay) -> None:
        """Remember that the day has to be audited."""
        await self._marks.mark(day)

    async def marks(self) -> dict[UtcDay, str]:
        """The marked days with the token of their latest mark."""
        return await self._marks.all()

    async def unmark(self, day: UtcDay, token: str) -> None:
        """Forget a mark unless the day was marked again."""
        await self._marks.unmark(day, token)

    async def note(self, text: str, after: str | None) -> str:
        """Remember a note, unless another was noted."""
        if self._note[1] != after:
            raise Superseded("another text was noted")
        token = secrets.token_hex(4)
        self._note = (text, token)
        return token

    async def latest_note(self) -> tuple[str, str | None]:
        """The note that was left last."""
        return self._note

    async def ping(self) -> None:
        """Always there."""


class MemoryMarks:
    """Marked days as a dictionary."""

    def __init__(self) -> None:
        self._marks: dict[UtcDay, str] = {}

    async def mark(self, day: UtcDay) -> None:
        """Remember the day."""
        self._marks[day] = secrets.token_hex(4)

    async def all(self) -> dict[UtcDay, str]:
        """The marked days with the token of their latest mark."""
        return dict(self._marks)

    async def unmark(self, day: UtcDay, token: str) -> None:
        """Forget a mark unless the day was marked again."""
        if self._marks.get(day) == token:
            del self._marks[day]


class MemoryObjects:
    """The owners of stored objects as a dictionary."""

    def __init__(self) -> None:
        self.known: dict[str, StoredObject] = {}

    async def add(self, objects: Sequence[StoredObject]) -> None:
        """Keep the objects; the first owner stays."""
        for each in objects:
            self.known.setdefault(each.id, each)

    async def find(self, ids: Collection[str]) -> dict[str, StoredObject]:
        """The objects among these that are known."""
        return {name: self.known[name] for name in ids if name in self.known}


class MemoryBooks:
    """The books as dictionaries."""

    shards = 4

    def __init__(self) -> None:
        self.days: dict[UtcDay, dict[str, UsageRecord]] = {}
        self._postings: dict[tuple[UtcDay, int], Posting] = {}
        self._summaries: dict[tuple[str, View], tuple[Document, str]] = {}

    async def postings(self, day: UtcDay) -> dict[int, Posting]:
        """The fences of the day's shards."""
        return {shard: posting for (of, shard), posting in self._postings.items() if of == day}

    async def postings_of(self, days: Collection[UtcDay]) -> dict[UtcDay, dict[int, Posting]]:
        """The fences of several days."""
        found: dict[UtcDay, dict[int, Posting]] = {}
        for (day, shard), posting in self._postings.items():
            if day in days:
                found.setdefault(day, {})[shard] = posting
        return found

    async def write(
        self,
        day: UtcDay,
        shard: int,
        after: Posting | None,
        posting: tuple[str | None, str],
        records: Sequence[UsageRecord],
    ) -> Posting:
        """Set the records and the fence, unless another run wrote first."""
        if self._postings.get((day, shard)) != after:
            raise Superseded(f"shard {shard} of {day} was written by another run")
        refused = {record.record_id: TOO_LARGE for record in records if _is_too_large(to_document(record))}
        kept = {record.record_id: record for record in records if record.record_id not in refused}
        self.days.setdefault(day, {}).update(kept)
        self._postings[day, shard] = Posting(*posting, secrets.token_hex(4))
        if refused:
            raise RecordsRefused(refused, self._postings[day, shard].token)
        return self._postings[day, shard]

    async def records(self, day: UtcDay) -> AsyncIterator[Sequence[UsageRecord]]:
        """The day's records in pages of a thousand."""
        records = list(self.days.get(day, {}).values())
        for start in range(0, len(records), 1000):
            yield records[start : start + 1000]

    async def records_of(self, day: UtcDay, line_ids: Sequence[str]) -> Sequence[UsageRecord]:
        """The records of these lines."""
        known = self.days.get(day, {})
        return tuple(known[each] for each in line_ids if each in known)

    async def count_records(self, day: UtcDay) -> int:
        """How many records the day has."""
        return len(self.days.get(day, {}))

    async def documents(self, day: UtcDay) -> AsyncIterator[bytes]:
        """The day's records as NDJSON."""
        async for page in self.records(day):
            yield ndjson(map(to_document, page))

    async def summary(self, day: UtcDay, view: View = SUMS) -> tuple[Document, str] | None:
        """The day's summary with its token."""
        return self._summaries.get((day, view))

    async def put_summary(self, day: UtcDay, summary: Document, after: str | None, view: View = SUMS) -> None:
        """Set the summary, unless another run set it first."""
        known = self._summaries.get((day, view))
        if (known[1] if known else None) != after:
            raise Superseded(f"the summary of {day} was written by another run")
        if _is_too_large(summary):
            raise StoreUnavailable(f"the summary of {day}: {TOO_LARGE}")
        self._summaries[day, view] = (summary, secrets.token_hex(4))

    async def ping(self) -> None:
        """Always there."""


class MemoryControl:
    """Control documents as a dictionary."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], Document] = {}
        self._tokens: dict[tuple[str, str], str] = {}

    async def get(self, kind: str, name: str) -> Document | None:
        """One document."""
        return self._documents.get((kind, name))

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        """One document with its token."""
        if (kind, name) not in self._documents:
            return None
        token = self._tokens[kind, name]
        return known if known and known[1] == token else (self._documents[kind, name], token)

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        """Set one document, unless another run wrote it first."""
        if self._tokens.get((kind, name)) != after:
            raise Superseded(f"{kind}/{name} was written by another run")
        self._documents[kind, name] = document
        self._tokens[kind, name] = secrets.token_hex(4)
        return self._tokens[kind, name]

    async def all(self, kind: str) -> list[Document]:
        """Every document of a kind, by name."""
        return [document for (of, _), document in sorted(self._documents.items()) if of == kind]

    async def names(self, kind: str) -> list[str]:
        """The names of the documents of a kind, ascending."""
        return sorted(name for of, name in self._documents if of == kind)


class MemoryQuarantine:
    """The quarantine as a dictionary."""

    def __init__(self) -> None:
        self._batches: dict[str, list[Rejected]] = {}

    async def put(self, rejected: Sequence[Rejected], day: UtcDay) -> None:
        """Keep the events."""
        self._batches[quarantine_name(rejected, day)] = list(rejected)

    async def batches(self) -> list[str]:
        """Names of the kept batches."""
        return sorted(self._batches)

    async def get(self, batch: str) -> list[Rejected]:
        """The events of a batch; none where another run has taken it."""
        return list(self._batches.get(batch, []))

    async def remove(self, batch: str) -> None:
        """Drop a batch, unless another run has."""
        self._batches.pop(batch, None)


class MemoryDeadLetters:
    """Dead letters as a dictionary: what Event Grid writes is put there by name."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    async def batches(self) -> list[str]:
        """Names of the blobs."""
        return sorted(self.blobs)

    async def get(self, batch: str) -> list[bytes]:
        """The raw events of a blob; none where another run has taken it."""
        return dead_letters(self.blobs[batch]) if batch in self.blobs else []

    async def remove(self, batch: str) -> None:
        """Drop a blob, unless another run has."""
        self.blobs.pop(batch, None)


@dataclass
class MemoryCatalogues:
    """A catalogue that a test may replace, and those of closed periods.

    Attributes:
        closed: the catalogues of closed periods, where there is no `control`.
        settled_by: the terms, which a test may replace, too.
        control: where given, its documents say which periods are closed, with which version, and which budgets people
            made beside the files.
    """

    catalogue: Catalogue
    closed: dict[Month, Catalogue] = field(default_factory=dict)
    settled_by: Terms = field(default_factory=Terms)
    control: Control | None = None
    _versions: dict[str, Version] = field(default_factory=dict)
    _in_force: EffectiveCatalogues | None = None

    async def current(self) -> Catalogue:
        """The catalogue."""
        return self.catalogue

    async def in_force(self) -> EffectiveCatalogues:
        """The catalogue and those of the closed periods."""
        known, closed = self._in_force, await self._of_states(PeriodState.CLOSED)
        if known is None or known.current is not self.catalogue or known.closed != closed:
            self._in_force = EffectiveCatalogues(self.catalogue, closed)
        assert self._in_force is not None
        return self._in_force

    async def frozen(self) -> dict[Month, Catalogue]:
        """The catalogues of the periods that are closed or being closed."""
        return await self._of_states(PeriodState.CLOSED, PeriodState.CLOSING)

    async def _of_states(self, *states: PeriodState) -> dict[Month, Catalogue]:
        if self.control is None:
            return self.closed
        periods = await PeriodDocuments(self.control).of_states(*states)
        return {each.month: self._versions[each.version].catalogue for each in periods}

    async def terms(self) -> Terms:
        """The terms."""
        return await self._complete.of(self.settled_by, self.catalogue) if self._complete else self.settled_by

    async def completed(self, terms: Terms) -> Terms:
        """Terms as files have them, with the budgets that people made beside the files."""
        return await self._complete.checked(terms) if self._complete else terms

    @cached_property
    def _complete(self) -> CompleteTerms | None:
        return None if self.control is None else CompleteTerms(self.control)

    async def version(self) -> Version:
        """Catalogue and terms under a name that stands for their content."""
        terms = self.settled_by
        beside = (terms.posting.digest if terms.posting else "", terms.ownership.digest)
        name = "-".join(filter(None, (self.catalogue.digest[:12], terms.digest[:12], *beside)))
        stored = self._versions.setdefault(name, Version(name, self.catalogue, self.settled_by))
        return replace(stored, terms=await self.terms())

    async def stored_version(self, name: str) -> Version:
        """The configuration that `version` gave this name; one that was applied past it holds what is in force."""
        return self._versions.get(name) or await self.version()

    async def applied_since(self, since: datetime) -> list[tuple[AppliedVersion | None, AppliedVersion]]:
        """The versions that the documents of `control` say somebody applied."""
        return await ConfigVersions(self.control).applied_since(since) if self.control else []
