"""How well the usage of a line is known, which decides whether it has a cost and how far to trust it."""

from enum import StrEnum


class LineState(StrEnum):
    """How well the usage of a line is known; a charge has the state of its line, or `unpriced`.

    Attributes:
        EXACT: the provider's own answer counted it.
        SETTLED: it was counted later, by the gateway's log or a background response.
        ESTIMATED: a quantity or the tier is a guess; what rests on it says so wherever it is shown.
        UNSETTLED: the tokens are not known yet, so neither is the cost.
        UNPRICED: no price covers it. Charges have this state, lines never do.
    """

    EXACT = "exact"
    SETTLED = "settled"
    ESTIMATED = "estimated"
    UNSETTLED = "unsettled"
    UNPRICED = "unpriced"

    # As for meters: Enum hashes in Python code, and each charge is counted by its state.
    __hash__ = str.__hash__


WITHOUT_COST = (LineState.UNPRICED, LineState.UNSETTLED)
"""The states of charges whose cost is not known: what was spent is more."""
