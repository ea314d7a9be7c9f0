"""What a change of a document changes: the parts that differ, short enough for an entry."""

from collections.abc import Mapping
from hashlib import sha256
from itertools import takewhile
from typing import Any

import msgspec

LONGEST_PART = 4_000
"""Bytes of JSON; a longer part is named by its size and its SHA-256."""

LONGEST = 100_000
"""Bytes of JSON of all parts together; Cosmos DB takes 2 MB as one document."""

Part = Mapping[str, Any]


def differing_parts(before: Part | None, after: Part | None) -> tuple[Part | None, Part | None]:
    """The parts of two versions of a document that differ; None for a version that there is not."""
    old, new = before or {}, after or {}
    found = _compared(old, new)
    return (
        None if before is None else _limited({name: pair[0] for name, pair in found.items() if name in old}),
        None if after is None else _limited({name: pair[1] for name, pair in found.items() if name in new}),
    )


def document_digest(document: Part | None) -> str:
    """The SHA-256 of a document, which tells later whether it is still the same; empty where there is none."""
    return "" if document is None else _sha256(document)


def _compared(old: Part, new: Part) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (old.get(name, msgspec.UNSET), new.get(name, msgspec.UNSET)) for name in {**old, **new}}
    return {name: _shown(*pair) for name, pair in pairs.items() if pair[0] != pair[1]}


def _shown(old: Any, new: Any) -> tuple[Any, Any]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = _compared(old, new)
        return (
            {name: pair[0] for name, pair in found.items() if name in old},
            {name: pair[1] for name, pair in found.items() if name in new},
        )
    if isinstance(old, list) and isinstance(new, list):
        first = _equal_at_start(old, new)
        last = _equal_at_start(old[first:][::-1], new[first:][::-1])
        return _shortened(_middle(old, first, last)), _shortened(_middle(new, first, last))
    return _shortened(old), _shortened(new)


def _equal_at_start(old: list[Any], new: list[Any]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _middle(whole: list[Any], first: int, last: int) -> list[Any]:
    """A list without what both versions have at its ends; a history, which only grows, is shown by what is new."""
    before = [f"({first} equal ones before)"] if first else []
    after = [f"({last} equal ones after)"] if last else []
    return [*before, *whole[first : len(whole) - last], *after]


def _shortened(value: Any, longest: int = LONGEST_PART) -> Any:
    if value is msgspec.UNSET or len(encoded := msgspec.json.encode(value, order="sorted")) <= longest:
        return value
    return {"bytes": len(encoded), "sha256": _sha256(value)}


def _limited(parts: Part) -> Part:
    return {str(name): value for name, value in _shortened(dict(parts), LONGEST).items()}


def _sha256(value: Any) -> str:
    return sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
