"""Which caller and which usage a call has when several events describe it: the rule of the counter and the recount.

The call's own lowest phase says who called and which deployment and backend were used; what it did not know is filled
in by the highest phase, which says what was used: usage, model and tier. What another emitter says, and
what only the gateway's log of models knew, gives way to everything that the call says itself. An event that is
recorded or rejected says everything itself.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from chargeback.domain.deployments.deployment import TRAINING_JOBS
from chargeback.domain.events.usage_event import Phase, UsageEvent
from chargeback.domain.usage.lines import Line
from chargeback.domain.usage.meters import Quantities
from chargeback.domain.usage.states import LineState
from chargeback.domain.usage.tools import DRAWN_BY

_PAYER = Line._fields[: Line._fields.index("billing_code") + 1]
"""Who called, verified or claimed: one piece, so that a later caller's tags are never mixed with the first one's."""

_ATTRIBUTED = (*_PAYER, "deployment", "backend", "model", "variant")
"""The fields that a line may take from its call's first phase."""


@lru_cache(maxsize=65_536)
def attributed(first: Line, last: Line) -> Line:
    """The line of a call from the line of its first phase, which says who, and of its last, which says what."""
    payer = first if any(getattr(first, name) for name in _PAYER) else last
    who: dict[str, Any] = {name: getattr(payer, name) for name in _PAYER}
    return last._replace(
        **who,
        deployment=first.deployment or last.deployment,
        backend=first.backend or last.backend,
        model=last.model or first.model,
        variant=_variant(first, last),
    )


def _variant(first: Line, last: Line) -> str:
    """Who draws the pictures and how a job is trained is what the call itself asked for, not a later look at it."""
    is_asked_for = last.variant.startswith(DRAWN_BY) or last.operation == TRAINING_JOBS
    return first.variant or last.variant if is_asked_for else last.variant


def has_same_payer(one: Line, other: Line) -> bool:
    """Whether two lines have the same caller, the same destination and the same answering model."""
    return all(getattr(one, name) == getattr(other, name) for name in _ATTRIBUTED)


def is_own(phase: Phase) -> bool:
    """Whether an event of this phase is the call's own word."""
    return phase >= Phase.PENDING


def rank_of(phase: Phase) -> int | None:
    """How an event of another day ranks: the call's own word 2, the log's 0, an emitter's -1; a poll says nothing.

    1 is for a call that is accounted for by another identity.
    """
    return None if phase is Phase.POLL else max(-1, min(2, 2 * phase))


class Said(NamedTuple):
    """What one event says of its call; see `UsageEvent`."""

    phase: Phase
    hour: int
    line: Line
    quantities: Quantities


class CallSoFar(NamedTuple):
    """A call by the events that came.

    Attributes:
        first: what the call's own lowest phase says; what the highest says where none is its own.
        last: what the highest phase says.
        counts: False for a call that is known from polls alone, and for one that is accounted for elsewhere.
    """

    first: Said
    last: Said
    counts: bool

    @property
    def line(self) -> Line:
        """The line that the call is counted under."""
        if self.first.line is self.last.line or self.first.phase == self.last.phase:
            return self.last.line
        return attributed(self.first.line, self.last.line)

    @property
    def account(self) -> tuple[int, Line, Quantities] | None:
        """The hour, line and quantities that are counted for the call."""
        return (self.first.hour, self.line, self.last.quantities) if self.counts else None

    @property
    def is_elsewhere(self) -> bool:
        """Whether the call's own events are known by another identity, which accounts for it."""
        return not self.counts and self.last.phase is Phase.RECOVERED

    @property
    def waits(self) -> bool:
        """Whether its tokens are still to come."""
        return self.last.phase is Phase.PENDING


LINE_OF_NOBODY = Line._make([*[""] * (len(Line._fields) - 1), LineState.UNSETTLED])
_ELSEWHERE = Said(Phase.RECOVERED, 0, LINE_OF_NOBODY, {})
ELSEWHERE = CallSoFar(_ELSEWHERE, _ELSEWHERE, counts=False)


def follow(known: CallSoFar | None, event: UsageEvent) -> CallSoFar:
    """A call after one more of its events; the same object where that changes nothing.

    If two events have the same phase, the one that came first stays.
    """
    said = Said(event.phase, event.hour, event.line, event.quantities)
    if known is None:
        return CallSoFar(said, said, counts=said.phase is not Phase.POLL)
    phase, last = said.phase, known.last.phase
    if last is Phase.FINAL or (known.is_elsewhere and not is_own(phase)):
        return known
    counts = known.counts or phase is not Phase.POLL
    if phase is Phase.FINAL or (not is_own(last) and phase > last):
        return CallSoFar(said, said, counts)
    if phase > last:
        return CallSoFar(known.first, said, counts)
    if is_own(phase) and phase < known.first.phase:
        return CallSoFar(said, known.last, counts)
    return known if counts == known.counts else known._replace(counts=counts)


def left_elsewhere(known: CallSoFar) -> CallSoFar:
    """The call once its own events are known by another identity, which also has what others say of it."""
    return known if is_own(known.last.phase) or known.is_elsewhere else ELSEWHERE


def claim_alone(event: UsageEvent) -> UsageEvent:
    """An event reduced to its claim: it must not be counted and says nothing about its own call."""
    assert event.claim is not None
    return event._replace(call=event.claim, quantities={})


def is_claim_alone(event: UsageEvent) -> bool:
    """Whether an event says only that a call is accounted for by another identity."""
    return event.call == event.claim


def accounted(call: CallSoFar, event: UsageEvent) -> UsageEvent:
    """What a call is counted as, in the form of one event; `event` is any of its events."""
    return event._replace(
        phase=call.last.phase, hour=call.first.hour, line=call.line, quantities=call.last.quantities, claim=None
    )
