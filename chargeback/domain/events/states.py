"""How well an event knows what its call used: `exact`, `settled`, `estimated` or `unsettled`."""

from chargeback.domain.events.documents import Data
from chargeback.domain.usage.operations import FREE

PENDING = "chargeback.usage.pending.v1"
REJECTED = "chargeback.usage.rejected.v1"
SETTLED = "chargeback.usage.settled.v1"

KNOWN = ("exact", "settled")
"""The states of what somebody has counted."""


def state_of(type_: str, data: Data, *, measured: bool) -> str:
    """The state of a call; `measured`: whether the event has any count of it."""
    if type_ == PENDING:
        return "unsettled"
    if type_ == SETTLED:
        return _settled_state(data, measured=measured)
    if type_ == REJECTED or measured or data.method not in (None, "POST") or data.operation in FREE:
        return "exact"
    answered = data.status_code is None or 200 <= data.status_code < 300
    return "unsettled" if answered else "exact"


def _settled_state(data: Data, *, measured: bool) -> str:
    if not measured:
        # What ended with an error before anything was worked on has no usage and never will.
        return "exact" if data.error_code else "unsettled"
    if data.method == "GET":
        return "exact"
    return "estimated" if is_guess(data) else "settled"


def is_guess(data: Data) -> bool:
    """Whether an event says that its quantities, or the tier that they are priced at, are not known for certain."""
    return data.usage_source == "estimated" or data.estimate_basis is not None
