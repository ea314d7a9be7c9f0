"""Implements Bicep's operators and functions, as far as a deployment uses them on its configuration."""

import functools
import json
import uuid
from collections.abc import Callable
from typing import Any

from stack.yaml_text import from_yaml

OF_GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""The namespace of ARM's guid()."""


def shown(value: Any) -> str:
    """A value as Bicep writes it into a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _union(*values: Any) -> Any:
    if isinstance(values[0], list):
        every = [item for value in values for item in value]
        return [item for i, item in enumerate(every) if item not in every[:i]]
    merged: dict[str, Any] = {}
    for value in values:
        for key, item in value.items():
            both = isinstance(item, dict) and isinstance(merged.get(key), dict)
            merged[key] = _union(merged[key], item) if both else item
    return merged


def _sort(items: list[Any], before: Callable[[Any, Any], bool]) -> list[Any]:
    return sorted(items, key=functools.cmp_to_key(lambda a, b: -1 if before(a, b) else 1 if before(b, a) else 0))


def _group(items: list[Any], key: Callable[[Any], str]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


OPERATORS: dict[str, Callable[[Any, Callable[[], Any]], Any]] = {
    "??": lambda value, other: other() if value is None else value,
    "||": lambda value, other: value or other(),
    "&&": lambda value, other: value and other(),
    "==": lambda value, other: value == other(),
    "!=": lambda value, other: value != other(),
    "<": lambda value, other: value < other(),
    ">": lambda value, other: value > other(),
    "-": lambda value, other: value - other(),
    "+": lambda value, other: value + other(),
    "*": lambda value, other: value * other(),
    "%": lambda value, other: value % other(),
    "/": lambda value, other: value // other(),
}
LOADERS: dict[str, Callable[[str], Any]] = {
    "loadJsonContent": json.loads,
    "loadTextContent": str,
    "loadYamlContent": from_yaml,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "any": lambda value: value,
    "concat": lambda *lists: [item for items in lists for item in items],
    "contains": lambda items, item: item in items,
    "empty": lambda value: not value,
    "filter": lambda items, keep: [item for item in items if keep(item)],
    "flatten": lambda lists: [item for items in lists for item in items],
    "groupBy": _group,
    "guid": lambda *values: str(uuid.uuid5(OF_GUIDS, "-".join(values))),
    "intersection": lambda items, others: [item for item in items if item in others],
    "items": lambda value: [{"key": key, "value": value[key]} for key in sorted(value)],
    "join": lambda items, separator: separator.join(items),
    "length": len,
    "map": lambda items, change: [change(item) for item in items],
    "max": lambda *values: max(values[0] if isinstance(values[0], list) else values),
    "min": lambda *values: min(values[0] if isinstance(values[0], list) else values),
    "range": lambda start, count: list(range(start, start + count)),
    "reduce": lambda items, start, add: functools.reduce(add, items, start),
    "replace": lambda value, old, new: value.replace(old, new),
    "skip": lambda items, count: items[count:],
    "sort": _sort,
    "split": lambda value, separator: value.split(separator),
    "startsWith": lambda value, prefix: value.lower().startswith(prefix.lower()),
    "string": shown,
    "take": lambda items, count: items[:count],
    "toLower": lambda value: value.lower(),
    "toObject": lambda items, key, value=lambda item: item: {key(item): value(item) for item in items},
    "union": _union,
}
