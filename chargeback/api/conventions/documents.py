"""Describes bodies and answers in the OpenAPI document by the types that encode and decode them."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from chargeback.api.conventions.formats import MediaType
from chargeback.api.errors import ErrorAnswer

_TYPES: dict[str, type] = {ErrorAnswer.__name__: ErrorAnswer}
"""Every type that a route has described."""

_ERRORS = {
    400: "A parameter or the body is wrong: the message says which, and what to do.",
    401: "There is no valid token.",
    403: "You may see this, but not do that.",
    404: "There is no such thing, or you may not see it.",
    406: "No format that you accept is offered.",
    409: "The state of things does not allow it now.",
    410: "The figures have changed since the first page: begin again.",
    412: "It was changed since you read it.",
    413: "The body is too long.",
    414: "The parameters are too long.",
    428: "Say with If-Match what you have read.",
    500: "Something failed here.",
    503: "A store is away: try again after the seconds of Retry-After.",
}
_ALWAYS = (400, 401, 404, 414, 500, 503)

_END_HERE, _END_THERE = rb'\\Z"', b'$"'
"""The end of a string in a pattern of Python, and in one of JSON Schema."""

Responses = dict[int | str, dict[str, Any]]


def answers(kind: type, *, status: int = 200, errors: tuple[int, ...] = (), rows: bool = False) -> Responses:
    """The `responses` of a route: its answer, and what may be refused.

    `errors`: in addition to those that every route for people has. `rows`: the answer also comes as CSV and Parquet.
    """
    content: dict[str, Any] = {MediaType.JSON: {"schema": _reference(kind)}}
    if rows:
        content |= {MediaType.CSV: {"schema": {"type": "string"}}}
        content |= {MediaType.PARQUET: {"schema": {"type": "string", "format": "binary"}}}
    found: Responses = {status: {"description": _summary(kind), "content": content}}
    if status == 200:
        found[200]["headers"] = {"ETag": {"description": "Names this answer.", "schema": {"type": "string"}}}
        found[304] = {"description": "Nothing has changed since the answer with that ETag."}
    return found | refusals(*_ALWAYS, *errors, *((406, 410) if rows else ()))


def answer_of(kind: type, status: int = 200) -> Responses:
    """An answer in JSON, for routes that are not for people."""
    return {status: {"description": _summary(kind), "content": {MediaType.JSON: {"schema": _reference(kind)}}}}


def either_answer(*kinds: type) -> Responses:
    """An answer that is one of several."""
    text = " Or: ".join(map(_summary, kinds))
    schema = {"anyOf": [_reference(each) for each in kinds]}
    return {200: {"description": text, "content": {MediaType.JSON: {"schema": schema}}}}


def refusals(*statuses: int) -> Responses:
    """What may be refused."""
    content = {MediaType.JSON: {"schema": _reference(ErrorAnswer)}}
    headers = {"x-ms-error-code": {"description": "The code of the error.", "schema": {"type": "string"}}}
    return {
        each: {"description": _ERRORS[each], "headers": headers, "content": content} for each in sorted({*statuses})
    }


def body(kind: type, *, media_type: str = MediaType.JSON, example: object = None) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads a body."""
    content: dict[str, Any] = {"schema": _reference(kind)}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {media_type: content}}}


def schemas() -> Mapping[str, Any]:
    """The schemas of all types that the routes describe, with the texts of their attributes."""
    _, made = msgspec.json.schema_components(_TYPES.values(), ref_template="#/components/schemas/{name}")
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made).replace(_END_HERE, _END_THERE))
    for kind in _structs(_TYPES.values()):
        schema = found[kind.__name__]
        schema.pop("title", None)
        schema["description"], texts = _described(kind)
        for field in msgspec.structs.fields(kind):
            if text := texts.get(field.name):
                schema["properties"][field.encode_name] = _with_text(schema["properties"][field.encode_name], text)
    return found


def _structs(kinds: Iterable[Any]) -> set[type[msgspec.Struct]]:
    """The types that fields have, in any depth, and those of their fields."""
    found: set[type[msgspec.Struct]] = set()
    waiting = list(kinds)
    while waiting:
        each = waiting.pop()
        waiting += get_args(each)
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each not in found:
            found.add(each)
            waiting += [field.type for field in msgspec.structs.fields(each)]
    return found


def _described(kind: type) -> tuple[str, Mapping[str, str]]:
    """The text of a class, and those of its attributes and of the classes before it."""
    texts: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        _, _, listed = inspect.cleandoc(each.__dict__.get("__doc__") or "").partition("Attributes:\n")
        for entry in re.split(r"\n(?=    \w)", listed):
            names, _, text = entry.strip().partition(": ")
            texts |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    about = inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:")[0]
    return " ".join(about.split()), texts


def _with_text(schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    text = text[:1].upper() + text[1:]
    return {**schema, "description": text}


def _reference(kind: type) -> dict[str, str]:
    _TYPES[kind.__name__] = kind
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _summary(kind: type) -> str:
    return (kind.__doc__ or kind.__name__).strip().partition("\n")[0]
