"""What the books say of applications beside their costs: what they called, when, and who paid for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chargeback.domain.costs.cost_answer import CostStanding
from chargeback.domain.time.months import Month


@dataclass(frozen=True, slots=True)
class ApplicationUse:
    """What an application did in a span.

    Attributes:
        application: the Entra application that called, or the subscription of a caller without one.
        last_date: the last date of the books with a call; None where there are only corrections.
        models: those that answered, ascending.
        cost_centres: those that pay, ascending.
    """

    application: str
    last_date: date | None
    models: Sequence[str]
    cost_centres: Sequence[str]


@dataclass(frozen=True, slots=True)
class ApplicationUses:
    """Some of the applications of a span, by name; `total`: how many there are."""

    rows: Sequence[ApplicationUse]
    total: int
    standing: CostStanding
    missing: Sequence[Month] = ()
