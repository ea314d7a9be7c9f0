"""Which line state an event gives its call: how well the usage is known."""

from chargeback.domain.events.documents import Data
from chargeback.domain.events.event_types import EventType, UsageSource
from chargeback.domain.usage.operations import FREE
from chargeback.domain.usage.states import LineState

COUNTED = (LineState.EXACT, LineState.SETTLED)
"""The states of usage that was really counted."""


def line_state(type_: str, data: Data, *, measured: bool) -> LineState:
    """The state of a call; `measured`: whether the event has any count of it."""
    if type_ == EventType.PENDING:
        return LineState.UNSETTLED
    if type_ == EventType.SETTLED:
        return _settled_state(data, measured=measured)
    if type_ == EventType.REJECTED or measured or data.method not in (None, "POST") or data.operation in FREE:
        return LineState.EXACT
    answered = data.status_code is None or 200 <= data.status_code < 300
    return LineState.UNSETTLED if answered else LineState.EXACT


def _settled_state(data: Data, *, measured: bool) -> LineState:
    if not measured:
        # A call that failed before any work began has no usage and never will.
        return LineState.EXACT if data.error_code else LineState.UNSETTLED
    if data.method == "GET":
        return LineState.EXACT
    return LineState.ESTIMATED if is_guess(data) else LineState.SETTLED


def is_guess(data: Data) -> bool:
    """Whether an event says that its quantities, or the tier that they are priced at, are not known for certain."""
    return data.usage_source == UsageSource.ESTIMATED or data.estimate_basis is not None
