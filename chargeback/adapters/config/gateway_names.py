"""Checks the names in gateway.yaml: API Management takes them as they are, and takes each once.

Ids become names of Azure's resources, parts of addresses and keys of the gateway's tables, which all compare them
without regard to case. The names that people read are as long as API Management lets them be.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What an id may be."""

LONGEST = {"subscriptions": 100, "products": 300}
"""Characters of a name that people read, which API Management limits."""


class Named(Protocol):
    """An entry with an id and a name that people read."""

    @property
    def id(self) -> str:
        """What other entries and addresses call it."""

    @property
    def name(self) -> str:
        """What people call it."""


def naming_faults(section: str, entries: Sequence[tuple[str, Named]]) -> Iterator[str]:
    """Ids that cannot be, ids that are there twice, and names that API Management does not take."""
    yield from repeated_names(f"{section}: the id", [entry.id for _, entry in entries])
    longest = LONGEST.get(section)
    for place, entry in entries:
        if not PLAIN_NAME.fullmatch(entry.id):
            yield f"{place}.id: {entry.id!r} may have letters, digits, dots, hyphens and underscores only, 64 at most"
        if longest and not (entry.name.strip() and entry.name.isprintable() and len(entry.name) <= longest):
            yield f"{place}.name: needs 1 to {longest} characters that can be printed"


def repeated_names(what: str, names: Sequence[str]) -> Iterator[str]:
    """Names that are there more than once, whatever their case."""
    folded = [name.casefold() for name in names]
    for name in dict.fromkeys(folded):
        if folded.count(name) > 1:
            yield f"{what} {name!r} is there {folded.count(name)} times"
