"""Which counters a provider or the gateway may report for a call: the known ones, and integers that we do not know.

The shapes are those of the OpenAI API reference (chat, Responses, embeddings, images, audio, batch) and of Anthropic's
Messages API. Nothing but numbers is kept of a usage object, so that it cannot carry any content.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

Count = int | None

MAX_UNKNOWN = 32
"""Unknown counters kept of one usage object; what comes beyond is summed under `other`."""

OTHER_COUNTERS = "other"
"""The name of unknown counters whose own name could be free text."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}", re.A)
_MOST_OF_PATH = 64
_DEPTH = 4


class Details(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """The parts of an input or output count; every field is a subset of its parent."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None
    text_tokens: Count = None
    reasoning_tokens: Count = None
    accepted_prediction_tokens: Count = None
    rejected_prediction_tokens: Count = None
    cached_tokens_details: "Details | None" = None


class CacheCreation(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """Anthropic: the tokens written to the cache, by how long they stay there."""

    ephemeral_5m_input_tokens: Count = None
    ephemeral_1h_input_tokens: Count = None


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """The union of the usage objects that the operations answer with.

    Attributes:
        unknown: non-zero integers that no field is for, by their path; see `tidied`.
    """

    prompt_tokens: Count = None
    completion_tokens: Count = None
    input_tokens: Count = None
    output_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None
    input_token_details: Details | None = None
    output_token_details: Details | None = None
    cache_creation_input_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation: CacheCreation | None = None
    seconds: float | None = None
    type: Literal["tokens", "duration"] | None = None
    unknown: dict[str, int] | None = None


class OwnQuantities(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What the gateway measured itself where the provider's answer has no usage object."""

    images: Count = None
    size: str | None = None
    quality: str | None = None
    audio_seconds: float | None = None
    characters: Count = None
    training_tokens: Count = None
    training_seconds: Count = None


def unknown_outside(usage: Usage) -> int:
    """The sum of the unknown counters that are no part of a known one, whatever their sign: nobody knows their cost.

    What stands among the details of a count is part of that count, which is priced as a whole.
    """
    unknown = usage.unknown or {}
    return sum(abs(count) for path, count in unknown.items() if path.partition(".")[0] not in _DETAILS)


def tidied(usage: Mapping[str, Any]) -> dict[str, Any]:
    """A usage object with known fields as they are, and its unknown integers under `unknown` by their path.

    What was unknown when the object was stored and is known by now comes back to its place.
    """
    stored = usage.get("unknown")
    usage = {name: value for name, value in usage.items() if name != "unknown" or not isinstance(value, dict)}
    unknown: dict[str, int] = {}
    found = _known_part(usage, Usage, "", unknown)
    for name, kind in _ONCE_UNREAD.items():
        if name in found and (not isinstance(found[name], kind) or isinstance(found[name], bool)):
            del found[name]
    for path, count in _integers(stored if isinstance(stored, dict) else {}):
        _restore(found, path, count, unknown)
    if found.get("type") not in ("tokens", "duration"):
        found.pop("type", None)
    unknown = {path: count for path, count in unknown.items() if count}
    return {**found, "unknown": unknown} if unknown else found


def _known_part(value: Mapping[str, Any], shape: type[msgspec.Struct], path: str, unknown: dict[str, int]) -> Any:
    found: dict[str, Any] = {}
    for name, item in value.items():
        if name in shape.__struct_fields__:
            inner = _SHAPES.get(name)
            found[name] = (
                _known_part(item, inner, f"{path}{name}.", unknown) if inner and isinstance(item, dict) else item
            )
        else:
            for below, count in _integers({name: item}):
                _note(unknown, f"{path}{below}", count)
    return found


def _integers(value: Mapping[str, Any], depth: int = 1) -> Iterator[tuple[str, int]]:
    """The non-zero integers below a value by their path.

    Texts, lists and fractions are left out: a provider counts in integers, and what it measures in fractions, such as
    the seconds that a call has waited, is no count that has a price.
    """
    for name, item in value.items():
        if isinstance(item, int) and not isinstance(item, bool) and item:
            yield name, item
        elif isinstance(item, dict) and depth < _DEPTH:
            yield from ((f"{name}.{below}", count) for below, count in _integers(item, depth + 1))


def _note(unknown: dict[str, int], path: str, count: int) -> None:
    too_many = len(unknown) >= MAX_UNKNOWN and path not in unknown
    if too_many or len(path) > _MOST_OF_PATH or not all(_NAME.fullmatch(name) for name in path.split(".")):
        # Its place decides whether it is part of a known count, so that much is kept.
        first = path.partition(".")[0]
        path = f"{first}.{OTHER_COUNTERS}" if first in _DETAILS else OTHER_COUNTERS
    unknown[path] = unknown.get(path, 0) + count


def _restore(found: dict[str, Any], path: str, count: int, unknown: dict[str, int]) -> None:
    """Put a stored unknown counter to its place if that is known by now, else back to the unknown ones."""
    shape: type[msgspec.Struct] = Usage
    target = found
    *outer, last = path.split(".")
    for name in outer:
        inner = _SHAPES.get(name) if name in shape.__struct_fields__ else None
        if inner is None:
            _note(unknown, path, count)
            return
        shape, target = inner, target.setdefault(name, {})
    if (
        isinstance(target, dict)
        and last in shape.__struct_fields__
        and target.get(last) is None
        and last not in _NO_COUNTERS
    ):
        target[last] = count
    else:
        _note(unknown, path, count)


_ONCE_UNREAD = {"cache_creation_input_tokens": int, "cache_read_input_tokens": int, "cache_creation": dict}
"""Older versions did not look at these: whatever the ledger has there must not make its event unreadable."""

_DETAILS = frozenset(name for name in Usage.__struct_fields__ if name.endswith("_details"))
_SHAPES: dict[str, type[msgspec.Struct]] = {
    **dict.fromkeys((*_DETAILS, "cached_tokens_details"), Details),
    "cache_creation": CacheCreation,
}
_NO_COUNTERS = frozenset((*_SHAPES, "unknown", "type", "seconds"))
NESTED = frozenset((*_SHAPES, "unknown"))
"""The fields of a usage object that are objects themselves."""
