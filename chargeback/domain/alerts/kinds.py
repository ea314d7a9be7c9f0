"""What the product tells people about, and how urgent it is."""

from enum import StrEnum


class AlertKind(StrEnum):
    """What an alert is about."""

    BUDGET = "budget"
    """A step of a budget is reached, by what was spent or by what is expected."""
    ANOMALY = "anomaly"
    """The spend of a day or an hour stands out from its own pattern."""
    UNPRICED = "unpriced"
    """Usage has no price."""
    UNSETTLED = "unsettled"
    """The tokens of calls are not known for longer than they may be."""
    CLOSING = "closing"
    """A period that is due cannot be closed."""
    CLOSED = "closed"
    """A period was closed."""
    POSTING = "posting"
    """A closed period cannot become journal documents."""
    VARIANCE = "variance"
    """The invoice differs from the books by more than is tolerated."""
    EVENTS_LOST = "events-lost"
    """Usage events are gone, and somebody accepted it or has to."""
    CONFLICTS = "conflicts"
    """Events contradict earlier ones about the same call."""
    QUARANTINE = "quarantine"
    """Events cannot be used and wait for a fix."""
    LEDGER_SHORT = "ledger-short"
    """The ledger has less of a day than it had."""
    MODEL_RETIRING = "model-retiring"
    """The provider soon takes away a model that is deployed."""


class Severity(StrEnum):
    """How soon somebody should look, the mildest first."""

    INFORMATION = "information"
    LOOK_TODAY = "look-today"
    MONEY_AT_RISK = "money-at-risk"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return tuple(Severity).index(self)
