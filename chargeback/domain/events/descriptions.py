"""Which descriptions of a call are kept: names and codes of a known form, and never free text.

A description of another form is left out; the call itself is still accepted. Stored events stay as they are.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from chargeback.domain.deployments.deployment import TRAININGS
from chargeback.domain.events.documents import Data
from chargeback.domain.usage.tiers import ASKED_FOR
from chargeback.domain.usage.tools import is_tool
from chargeback.domain.usage.usage_objects import OTHER_COUNTERS

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}")
_REGION = re.compile(r"[A-Za-z0-9-]{1,40}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?")

_BASIS = re.compile(
    r"([0-9]{1,10} characters and )?"
    r"(mean of [0-9]{1,6} streamed calls of [A-Za-z0-9._-]{1,128}|at most [0-9]{1,10} tokens|no answer)"
    r"|measured by the gateway|tier [A-Za-z][A-Za-z0-9_-]{0,39} asked for"
)
"""The bases of an estimate that `domain.streams.estimates` and `domain.streams.settlement` name."""

FORMS = {
    "apiVersion": re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}"),
    "requestedModel": _MODEL,
    "requestedTier": _WORD,
    "gatewayRegion": _REGION,
    "clientRegion": _REGION,
    "spilledFrom": re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,255}"),
    "errorCode": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"),
    # Several where a job that has ended left files.
    "objectId": re.compile(r"[A-Za-z0-9][A-Za-z0-9_:.-]{0,255}(,[A-Za-z0-9][A-Za-z0-9_:.-]{0,255}){0,3}"),
    "decision": _WORD,
    "trainingType": _WORD,
    "imageDeployment": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
    "usageSource": _WORD,
    "estimateBasis": _BASIS,
}
"""The fields that only describe a call, each with the form of what may stand there."""

_BY_FIELD = {
    field.name: FORMS[field.encode_name].fullmatch
    for field in msgspec.structs.fields(Data)
    if field.encode_name in FORMS
}

_OF_ONE_CALL = "object_id"
"""Differs from call to call; most calls have all other descriptions in common with others."""

_IN_COMMON = tuple(name for name in _BY_FIELD if name != _OF_ONE_CALL)
_in_common = attrgetter(*_IN_COMMON, "tried_backends")

UNKNOWN = "unknown"
"""What replaces a made-up name: lines are counted by these names, so nobody can add lines by making up names.

Such usage is unpriced: a tier or training type that is new at Azure is seen, and never charged as another.
"""


def is_host(text: str) -> bool:
    """Whether a string can be the name of a host."""
    return _HOST.fullmatch(text) is not None


def described_plainly(data: Data) -> Data:
    """The same event without descriptions of another form, and with one name in place of all unknown ones."""
    in_common = _plain(_in_common(data))
    object_id, tools = data.object_id, data.tools
    if not in_common and object_id is None and tools is None:
        return data
    changed = dict(in_common)
    if object_id is not None and _BY_FIELD[_OF_ONE_CALL](object_id) is None:
        changed[_OF_ONE_CALL] = None
    if tools is not None and not all(map(is_tool, tools)):
        # An invalid name must not hide that something was there.
        changed["tools"] = {name if is_tool(name) else OTHER_COUNTERS: count for name, count in tools.items()}
    return replace(data, **changed) if changed else data


@lru_cache(maxsize=1_024)
def _plain(descriptions: tuple[object, ...]) -> Mapping[str, object]:
    """The fields to change among those that calls have in common, each with what stands there instead."""
    *texts, hosts = descriptions
    told = {name: text for name, text in zip(_IN_COMMON, texts, strict=True) if isinstance(text, str)}
    changed: dict[str, object] = {name: None for name, text in told.items() if _BY_FIELD[name](text) is None}
    if "requested_tier" in told and told["requested_tier"] not in ASKED_FOR:
        changed.setdefault("requested_tier", UNKNOWN)
    if "training_type" in told and told["training_type"].casefold() not in TRAININGS:
        changed.setdefault("training_type", UNKNOWN)
    if isinstance(hosts, tuple) and not all(map(is_host, hosts)):
        changed["tried_backends"] = tuple(filter(is_host, hosts))
    return changed
