"""Which descriptions of a call are kept: names and codes of a known form, and never free text.

A description of another form is left out; the call itself is still accepted. Stored events stay as they are.
"""

import re

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

UNKNOWN = "unknown"
"""What replaces a made-up name: lines are counted by these names, so nobody can add lines by making up names.

Such usage is unpriced: a tier or training type that is new at Azure is seen, and never charged as another.
"""


def is_host(text: str) -> bool:
    """Whether a string can be the name of a host."""
    return _HOST.fullmatch(text) is not None


def described_plainly(data: Data) -> Data:
    """The same event without descriptions of another form, and with one name in place of all unknown ones."""
    dropped: dict[str, object] = {
        name: None
        for name, fits in _BY_FIELD.items()
        if (text := getattr(data, name)) is not None and fits(text) is None
    }
    if data.requested_tier is not None and data.requested_tier not in ASKED_FOR:
        dropped.setdefault("requested_tier", UNKNOWN)
    if data.training_type is not None and data.training_type.casefold() not in TRAININGS:
        dropped.setdefault("training_type", UNKNOWN)
    if data.tried_backends is not None and not all(map(is_host, data.tried_backends)):
        dropped["tried_backends"] = tuple(filter(is_host, data.tried_backends))
    if data.tools is not None and not all(map(is_tool, data.tools)):
        # An invalid name must not hide that something was there.
        dropped["tools"] = {name if is_tool(name) else OTHER_COUNTERS: count for name, count in data.tools.items()}
    return replace(data, **dropped) if dropped else data
