"""Puts values that readers often mishandle into a valid document or a valid file."""

from copy import deepcopy
from random import Random
from typing import Any

HOSTILE: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**63,
    -(2**63),
    10**30,
    1.5,
    -0.0,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    "",
    " ",
    "NaN",
    "Infinity",
    "-5",
    "1e400",
    "9" * 5000,
    "0001-01-01",
    "0001-01-01T00:00:00Z",
    "9999-12-31",
    "9999-12-31T23:00:00Z",
    "2026-02-30",
    "2026-13-01",
    "2026-03-14T10:00:60Z",
    "1970-01-01T00:00:00+23:59",
    "\ud800",
    "\x00",
    "a\nb",
    "\u200b",
    "unallocated\u200b",
    "=1+1",
    "../../etc/passwd",
    "é" * 600,
    [],
    {},
    [[]],
    {"": None},
    [None],
    {"a": {"b": {"c": []}}},
]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places within a document, the document itself left out."""
    found: list[tuple[Any, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        found.append((*at, key))
        found += places(child, (*at, key))
    return found


def mutated(document: Any, random: Random, *, most: int = 3) -> Any:
    """The document with one to `most` places changed: another value, a place gone, doubled, or named otherwise."""
    changed = deepcopy(document)
    for _ in range(random.randint(1, most)):
        found = places(changed)
        if not found:
            return changed
        *path, last = random.choice(found)
        parent = changed
        for key in path:
            parent = parent[key]
        match random.randrange(6):
            case 0 | 1 | 2:
                parent[last] = deepcopy(random.choice(HOSTILE))
            case 3:
                del parent[last]
            case 4 if isinstance(parent, list):
                parent.append(deepcopy(parent[last]))
            case 4:
                parent[str(random.choice(HOSTILE))] = parent.pop(last)
            case _:
                *_, other = random.choice(places(changed))
                parent[last] = deepcopy(parent.get(other)) if isinstance(parent, dict) else random.choice(HOSTILE)
    return changed


def damaged(content: bytes, random: Random) -> bytes:
    """The bytes with something cut, doubled, turned or put in."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        match random.randrange(5):
            case 0:
                del data[at : at + random.choice([1, 2, 10, 1000])]
            case 1:
                data[at:at] = bytes(random.randrange(256) for _ in range(random.choice([1, 2, 8])))
            case 2 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 3:
                data[at:at] = data[max(0, at - 20) : at]
            case _:
                data[at:at] = str(random.choice(HOSTILE)).encode("utf-8", "surrogatepass")
    return bytes(data)
