"""How much each cost centre has spent since the month began, for budget alerts; from the summaries of the days."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chargeback.domain.money.exact import total
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.months import Month, dates_of, month_of
from chargeback.services.forecasting.spend_history import read_history
from chargeback.services.ports.books import Books


@dataclass(frozen=True, slots=True)
class MonthSpend:
    """The posted cost of a cost centre alone, without its descendants.

    Attributes:
        month: the billing period, as 2026-11.
        cost_centre: its path.
        currency: the books', or the rate card's where there is no exchange rate to it. Several are joined by a plus
            sign, and then fit no budget.
        cost: exact.
    """

    month: Month
    cost_centre: str
    currency: str
    cost: Decimal


async def month_spend(books: Books, calendar: Calendar, terms: Terms, now: datetime) -> list[MonthSpend]:
    """The spend of every cost centre in the billing period of `now` (UTC), in the order of their paths."""
    today = calendar.date_of(now)
    month = month_of(today)
    history = await read_history(books, dates_of(month)[0], today)
    into = history.into(calendar.currency(month), terms, month)
    spent = {centre: history.alone(centre, into) for centre in history.centres}
    return [
        MonthSpend(month, centre, spend.currency, total(list(spend.by_date.values())))
        for centre, spend in spent.items()
    ]
