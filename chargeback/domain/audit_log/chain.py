"""Whether the audit log is whole: which entries were changed, removed, inserted or put elsewhere.

Each entry has the hash of the one before. Whoever can write all of them can make a new chain of their own, so what
anchors keep in another place, where nobody can replace it, is compared, too.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from chargeback.domain.audit_log.entry import BEFORE_THE_FIRST, AuditEntry, KeptEntry, entry_id, entry_in, hash_of

MOST_FAULTS = 100
"""One fault may make every later entry one; the first ones tell."""


class Anchor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The last entry of the log at a time, as another place keeps it."""

    number: int
    hash: str
    at: datetime


class ChainFault(msgspec.Struct, frozen=True):
    """Something that is wrong with an entry, or with all from it to `last`."""

    number: int
    what: str
    last: int | None = None

    def __str__(self) -> str:
        span = f"entry {self.number}" if self.last in (None, self.number) else f"entries {self.number} to {self.last}"
        return f"{span}: {self.what}"


class ChainCheck:
    """Reads the documents of a log in the order of their ids, and collects what is wrong.

    Attributes:
        faults: what is wrong, the first ones.
        count: how many documents were read.
    """

    def __init__(self, anchors: Mapping[str, Anchor]) -> None:
        """Anchors by the name that a fault calls them by."""
        self.faults: list[ChainFault] = []
        self.count = 0
        self._anchors: dict[int, list[tuple[str, Anchor]]] = {}
        for name, anchor in anchors.items():
            self._anchors.setdefault(anchor.number, []).append((name, anchor))
        self._expected = 1
        self._previous: str | None = BEFORE_THE_FIRST  # None: the entry before cannot be read

    def see(self, document: Mapping[str, Any]) -> None:
        """Look at the next document."""
        self.count += 1
        number = _number_of(document)
        if number is None or number < self._expected:
            self._add(self._expected, f"before it stands a document that is no entry: id {document.get('id')!r}")
            return
        if number > self._expected:
            self._miss(number - 1)
        found = _faults_of(document, number)
        entry = None if isinstance(found, str) else found
        if isinstance(found, str):
            self._add(number, found)
        elif self._previous is not None and found.previous != self._previous:
            self._follow_another(number)
        self._compare_anchors(number, str(document.get("hash")))
        self._previous = str(document["hash"]) if entry else None
        self._expected = number + 1

    def end(self) -> list[ChainFault]:
        """What is wrong, now that every document was seen."""
        if later := [number for number in self._anchors if number >= self._expected]:
            self._miss(max(later))
        return self.faults

    def _miss(self, last: int) -> None:
        self._add(self._expected, "missing: removed, or never written", last)
        self._previous = None

    def _follow_another(self, number: int) -> None:
        if number == 1:
            self._add(1, "does not begin a log: it names an entry before")
        else:
            what = f"entry {number} was written after another one: this one was changed or put here, or {number} was"
            self._add(number - 1, what)

    def _compare_anchors(self, number: int, found: str) -> None:
        for name, anchor in self._anchors.get(number, ()):
            if anchor.hash != found:
                kept = f"not what the anchor {name} kept at {anchor.at:%Y-%m-%dT%H:%MZ}"
                self._add(number, f"{kept}: it or an earlier one was rewritten")

    def _add(self, number: int, what: str, last: int | None = None) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(ChainFault(number, what, last))


def _number_of(document: Mapping[str, Any]) -> int | None:
    name = document.get("id")
    if not isinstance(name, str) or not (name.isascii() and name.isdigit()):
        return None
    return int(name) if name == entry_id(int(name)) and int(name) > 0 else None


def _faults_of(document: Mapping[str, Any], number: int) -> AuditEntry | str:
    """The entry of a document, or what is wrong with it by itself."""
    try:
        kept = msgspec.convert(dict(document), KeptEntry)
        if hash_of(kept.text) != kept.hash:
            return "changed: its text does not have its hash"
        entry = entry_in(kept)
    except msgspec.MsgspecError as error:
        return f"changed: it cannot be read as an entry: {error}"
    return entry if entry.number == number else f"put elsewhere: its text says that it is entry {entry.number}"
