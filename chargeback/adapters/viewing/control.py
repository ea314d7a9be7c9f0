"""Has all parts of one view of a page share what they read of the documents that steer the product."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from chargeback.services.ports.control import Control, Document
from chargeback.services.running.one_view import ask_again, ask_once

T = TypeVar("T")

ASKED_ONCE = frozenset(
    {"audit", "budget", "budget-override", "catalogue", "period", "reconciliation", "set-aside", "true-up"}
)
"""The kinds that several parts of a page read. Not the pointers to files: what a pointer names may be gone by the time
that it is read, and whoever finds that out has to read the pointer itself again."""


class ViewedControl:
    """The port `Control` over another one; outside of a view nothing is shared."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get(self, kind: str, name: str) -> Document | None:
        """One document."""
        known = await self.get_versioned(kind, name)
        return known[0] if known else None

    async def get_versioned(
        self, kind: str, name: str, known: tuple[Document, str] | None = None
    ) -> tuple[Document, str] | None:
        """One document with its token."""
        return await _once(kind, ("one", kind, name), lambda: self._control.get_versioned(kind, name, known))

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        """Set one document; what is read from then on is read afresh, whatever comes of it."""
        try:
            return await self._control.swap(kind, name, document, after)
        finally:
            ask_again(("one", kind, name), ("all", kind), ("names", kind))

    async def all(self, kind: str) -> list[Document]:
        """Every document of a kind, by name."""
        return await _once(kind, ("all", kind), lambda: self._control.all(kind))

    async def names(self, kind: str) -> list[str]:
        """The names of the documents of a kind, ascending."""
        return await _once(kind, ("names", kind), lambda: self._control.names(kind))


async def _once(kind: str, question: tuple[str, ...], ask: Callable[[], Awaitable[T]]) -> T:
    return await (ask_once(question, ask) if kind in ASKED_ONCE else ask())
