"""Who charges the cost centres: the internal service by its name, whom to ask, and until when to object."""

from dataclasses import dataclass
from datetime import date, timedelta

from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, dates_of


@dataclass(frozen=True, slots=True)
class ChargeIssuer:
    """The service that charges.

    Attributes:
        name: the internal service; FOCUS files name it as provider and issuer.
        contact: whom a cost-centre owner asks; empty: nobody is named.
        objection_days: until so many days after the end of a month somebody may object; None: no date is named.
    """

    name: str = "Chargeback for Azure OpenAI"
    contact: str = ""
    objection_days: int | None = None

    def objections_until(self, period: Month) -> BookDate | None:
        """The last day for objections to the charges of a period; None where no date is named."""
        if self.objection_days is None:
            return None
        last = date.fromisoformat(dates_of(period)[-1])
        return BookDate((last + timedelta(days=self.objection_days)).isoformat())
