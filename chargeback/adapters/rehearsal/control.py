"""The control documents and the marks of the ledger in a rehearsal."""

import secrets
from collections.abc import Sequence

from chargeback.domain.errors import ChargebackError, Superseded
from chargeback.domain.time.days import UtcDay
from chargeback.services.ports.control import Control, Document
from chargeback.services.ports.ledger import Ledger


class RehearsedControl:
    """The port `Control`: documents of the real store, unless one is written here."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._documents: dict[tuple[str, str], tuple[Document, str]] = {}

    async def get(self, kind: str, name: str) -> Document | None:
        """One document."""
        known = await self.get_versioned(kind, name)
        return known[0] if known else None

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        """One document with its token."""
        return self._documents.get((kind, name)) or await self._control.get_versioned(kind, name, known)

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        """Set one document here."""
        known = await self.get_versioned(kind, name)
        if (known[1] if known else None) != after:
            raise Superseded(f"{kind}/{name} was written by another run")
        self._documents[kind, name] = document, secrets.token_hex(4)
        return self._documents[kind, name][1]

    async def all(self, kind: str) -> list[Document]:
        """Every document of a kind; those that exist only here come last."""
        found = await self._control.all(kind)
        for (of, name), (document, _) in sorted(self._documents.items()):
            if of == kind:
                before = await self._control.get(kind, name)
                place = next((index for index, each in enumerate(found) if each == before), len(found))
                found[place : place + 1] = [document]
        return found

    async def names(self, kind: str) -> list[str]:
        """The names of the documents of a kind."""
        here = {name for of, name in self._documents if of == kind}
        return sorted({*await self._control.names(kind)} | here)


class RehearsedLedger:
    """The port `Ledger`: its events are read, and marks and notes stay here."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._marked: dict[UtcDay, str] = {}
        self._unmarked: dict[UtcDay, str] = {}
        self._note: tuple[str, str] | None = None
        self.blocks, self.stamped_blocks = ledger.blocks, ledger.stamped_blocks

    async def append(self, day: UtcDay, events: Sequence[bytes]) -> None:
        """Refuse: nothing that is rehearsed brings events."""
        raise ChargebackError(f"a rehearsal takes no events, and it was given {len(events)} of {day}")

    async def extent(self, day: UtcDay) -> dict[str, int]:
        """The parts of the day's ledger with their sizes."""
        return await self._ledger.extent(day)

    async def days(self) -> list[UtcDay]:
        """The days that have events."""
        return await self._ledger.days()

    async def mark(self, day: UtcDay) -> None:
        """Remember here that the day has to be audited."""
        self._marked[day] = secrets.token_hex(4)

    async def marks(self) -> dict[UtcDay, str]:
        """The marked days with the token of their latest mark."""
        theirs = await self._ledger.marks()
        left = {day: token for day, token in theirs.items() if self._unmarked.get(day) != token}
        return dict(sorted((left | self._marked).items()))

    async def unmark(self, day: UtcDay, token: str) -> None:
        """Forget a mark here, unless the day was marked again."""
        if self._marked.get(day) == token:
            del self._marked[day]
        self._unmarked[day] = token

    async def note(self, text: str, after: str | None) -> str:
        """Remember a note here."""
        if (await self.latest_note())[1] != after:
            raise Superseded("another text was noted")
        self._note = text, secrets.token_hex(4)
        return self._note[1]

    async def latest_note(self) -> tuple[str, str | None]:
        """The note that was left last."""
        return self._note or await self._ledger.latest_note()
