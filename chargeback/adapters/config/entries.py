"""Reads the records of a document into types; every fault is collected with its place, so that none hides another."""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A record of a document; a misspelt key is a fault."""


def one(raw: object, record: type[R], place: str, faults: list[str]) -> R | None:
    """The record at a place, or None and a fault."""
    try:
        return msgspec.convert(raw, record)
    except msgspec.ValidationError as error:
        faults.append(_with_place(str(error), place))
        return None


def each(raw: object, record: type[R], place: str, faults: list[str]) -> Iterator[tuple[str, R]]:
    """The records of a list with their places, without the faulty ones."""
    if not isinstance(raw, list):
        faults.append(f"{place}: expected a list")
        return
    for index, item in enumerate(raw):
        found = one(item, record, f"{place}[{index}]", faults)
        if found is not None:
            yield f"{place}[{index}]", found


def sections(
    document: object, names: tuple[str, ...], faults: list[str], *, optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The sections at the top of a document, these and no others; a missing one is None, and a fault if required."""
    found = document if isinstance(document, dict) else {}
    known = names + optional
    faults.extend(f"{name}: is missing" for name in names if name not in found)
    faults.extend(f"{name}: no such key; there are {', '.join(known)}" for name in found if name not in known)
    return {name: found.get(name) for name in known}


def _with_place(message: str, place: str) -> str:
    """Turn "Expected `str` - at `$.version`" into "prices[3].version: expected `str`"."""
    reason, _, path = message.partition(" - at `$")
    return f"{place}{path.rstrip('`')}: {reason[:1].lower()}{reason[1:]}"
