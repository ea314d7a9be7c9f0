"""Reads the records of a document into types; every fault is collected with its place, so that none hides another."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

_STEP = re.compile(r"\[[^\]]*\]|[^.\[\]]+")
_CHOICES = (inspect.EnumType, inspect.LiteralType)
R = TypeVar("R", bound="Record")


class Record(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A record of a document; a misspelt key is a fault."""


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections at the top of a document, each with the type of what it holds.

    Attributes:
        required: those that every document has.
        optional: those that may be left out.
        earlier: those that only stored documents of an earlier version have.
    """

    required: Mapping[str, Any]
    optional: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """The names that a document may have now."""
        return (*self.required, *self.optional)


def one(raw: object, record: type[R], place: str, faults: list[str]) -> R | None:
    """The record at a place, or None and a fault."""
    try:
        return msgspec.convert(raw, record)
    except msgspec.ValidationError as error:
        faults.append(_with_place(str(error), place, record))
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


def sections(document: object, expected: Sections, faults: list[str]) -> dict[str, Any]:
    """The sections at the top of a document, these and no others; a missing one is None, and a fault if required."""
    found = document if isinstance(document, dict) else {}
    names = (*expected.known, *expected.earlier)
    faults.extend(f"{name}: is missing" for name in expected.required if name not in found)
    faults.extend(f"{name}: no such key; there are {', '.join(expected.known)}" for name in found if name not in names)
    return {name: found.get(name) for name in names}


def _with_place(message: str, place: str, record: type[Record]) -> str:
    """Turn "Expected `str` - at `$.version`" into "prices[3].version: expected `str`"; say what a choice is among."""
    reason, _, path = message.partition(" - at `$")
    path = path.rstrip("`")
    choices = _choices(inspect.type_info(record), _STEP.findall(path)) if "enum value" in reason else []
    among = f"; there are {', '.join(choices)}" if choices else ""
    return f"{place}{path}: {reason[:1].lower()}{reason[1:]}{among}"


def _choices(found: Any, steps: list[str]) -> list[str]:
    """What may stand at a place of a record, such as that of the steps `steps`, `[0]`, `do`; nothing if not known."""
    if isinstance(found, inspect.UnionType):
        return [choice for each in found.types for choice in _choices(each, steps)]
    if not steps:
        values = found.values if isinstance(found, inspect.LiteralType) else getattr(found, "cls", ())
        return [str(getattr(each, "value", each)) for each in values] if isinstance(found, _CHOICES) else []
    step, rest = steps[0], steps[1:]
    if isinstance(found, inspect.StructType):
        return [c for field in found.fields if field.encode_name == step for c in _choices(field.type, rest)]
    inner = getattr(found, "item_type", None) or getattr(found, "value_type", None)
    return _choices(inner, rest)
