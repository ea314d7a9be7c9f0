"""What a message says: plain words and figures that are ready to be read."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

MOVERS_TOLD = 3


@dataclass(frozen=True, slots=True)
class AlertFigure:
    """One figure of a message, such as `Spent` and `4 120.00 EUR`.

    Attributes:
        label: what it is.
        value: as a person reads it, with its unit.
    """

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class AlertMover:
    """Who or what moved the amount.

    Attributes:
        what: a cost centre, an application, a model or a user, as people call it.
        amount: by how much, in the currency of the facts.
    """

    what: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an amount is expected to end with, in the currency of the facts; 80 % of outcomes lie within the band."""

    low: Decimal
    expected: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be said about a matter at one moment.

    Attributes:
        headline: one sentence that says what happened and how much, without ids.
        figures: what belongs to it, the most important first.
        currency: that of the movers and the forecast; empty where neither is given.
        since: the moment from which on it is so; None where that is not known.
        movers: what moved it most, at most `MOVERS_TOLD`, the largest first.
        forecast: what the period is expected to end with; None where nobody can tell.
        cause: why it came about or ended, where it was not simply usage: a correction, an override, a changed price.
        advice: what to do, in one sentence; empty where nothing is to be done.
        link: where to read on, an https address; empty where there is none.
    """

    headline: str
    figures: tuple[AlertFigure, ...] = ()
    currency: str = ""
    since: datetime | None = None
    movers: tuple[AlertMover, ...] = ()
    forecast: Expectation | None = None
    cause: str = ""
    advice: str = ""
    link: str = ""
