"""Which parts of an unusable event the quarantine keeps: enough to find its sender and to accept it after a repair.

A string is kept only where events have known short ones. Anything else leaves a mark that keeps the event unusable, so
that a replay never accepts it without what was withheld.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from chargeback.domain.events.admission import MAX_ACCEPTED_BYTES, is_too_deep
from chargeback.domain.events.descriptions import FORMS, is_host
from chargeback.domain.events.documents import Data
from chargeback.domain.usage.usage_objects import NESTED, OwnQuantities, tidied

NOTHING = b'{"withheld":'
"""How a kept event begins if only its size and hash could be kept."""

_FORMS = {
    "specversion": re.compile(r"[0-9.]{1,8}", re.A),
    "id": re.compile(r".{1,1024}"),
    "source": re.compile(r".{1,1024}"),
    "type": re.compile(r"[a-z0-9.]{1,64}", re.A),
    "time": re.compile(r"[0-9TtZz:+. -]{1,40}", re.A),
}
_NAME = re.compile(r".{0,512}", re.DOTALL)
_OF_DATA = {field.encode_name for field in msgspec.structs.fields(Data)}
_OF_QUANTITIES = {field.encode_name for field in msgspec.structs.fields(OwnQuantities)}
_TEXTS_OF_QUANTITIES = ("size", "quality")
_NUMBERS_OF_DATA = {
    "attempts",
    "statusCode",
    "durationMs",
    "stream",
    "requestCharacters",
    "maxOutputTokens",
}


def withheld(raw: bytes) -> bytes:
    """What may be kept of an event; applying it again changes nothing."""
    if raw.startswith(NOTHING):
        return raw
    event = _read(raw)
    if event is None:
        return msgspec.json.encode({"withheld": {"bytes": len(raw), "sha256": sha256(raw).hexdigest()}})
    kept: dict[str, Any] = {name: _text(event[name], form) for name, form in _FORMS.items() if name in event}
    if "data" in event:
        kept["data"] = _data(event["data"])
    return msgspec.json.encode(kept)


def _read(raw: bytes) -> dict[str, Any] | None:
    if len(raw) > MAX_ACCEPTED_BYTES or is_too_deep(raw):
        return None
    try:
        raw.decode()
        event = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _text(value: object, form: re.Pattern[str]) -> object:
    return value if isinstance(value, str) and form.fullmatch(value) else False


def _number(value: object) -> object:
    return value if value is None or isinstance(value, int | float) else "withheld"


def _data(data: object) -> object:
    if not isinstance(data, dict):
        return False
    return {name: _field(name, value) for name, value in data.items() if name in _OF_DATA and _is_plain(name, value)}


def _is_plain(name: str, value: object) -> bool:
    """Whether the string may be kept; a call is accepted without such a description, so no mark is needed for it."""
    form = FORMS.get(name)
    return form is None or not isinstance(value, str) or form.fullmatch(value) is not None


def _field(name: str, value: object) -> object:
    if name == "usage":
        return _usage(value)
    if name == "quantities":
        return _own(value)
    if name == "triedBackends":
        hosts = value if isinstance(value, list) else []
        return [host for host in hosts[:32] if isinstance(host, str) and is_host(host)]
    if value is None:
        return None
    return _number(value) if name in _NUMBERS_OF_DATA else _text(value, _NAME)


def _own(value: object) -> object:
    if not isinstance(value, dict):
        return None if value is None else False
    return {
        name: _text(item, _NAME) if name in _TEXTS_OF_QUANTITIES and item is not None else _number(item)
        for name, item in value.items()
        if name in _OF_QUANTITIES
    }


def _usage(value: object) -> object:
    if not isinstance(value, dict):
        return None if value is None else False
    return _counts(tidied(value))


def _counts(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _counts(item) if isinstance(item, dict) and name in NESTED else item if name == "type" else _number(item)
        for name, item in value.items()
    }
