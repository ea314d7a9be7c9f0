"""How much may be wrong before people are told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AlertTolerances:
    """More than this is told.

    Attributes:
        unpriced: calls of a month to one deployment and model whose usage has no price.
        unsettled: such calls, from before yesterday, whose tokens are not known.
        conflicts: events of a day that contradict an earlier one about the same call.
        quarantine: events that wait for a fix, by their reason.
        retiring_days: how many days before a model retires people are told first; near the day they are told again.
    """

    unpriced: int = 0
    unsettled: int = 0
    conflicts: int = 0
    quarantine: int = 0
    retiring_days: int = 90
