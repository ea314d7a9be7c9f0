"""Reads which month a page is about, and offers the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from chargeback.api.errors import ErrorText
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.calendar import next_period, previous_period
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, dates_of, month, month_of, months_between
from chargeback.web.api_client import ApiRefused
from chargeback.web.visits import Pages, Visit

_OFFERED_YEARS = 2


@dataclass(frozen=True, slots=True)
class MonthChoice:
    """A month, and how to get to others.

    Attributes:
        today: the date of the books that is under way.
        path: that of the page.
        others: the parameters that another month of the page has as well.
    """

    month: Month
    today: BookDate
    path: str
    others: Mapping[str, str]

    @property
    def first(self) -> BookDate:
        """The first date of the month."""
        return dates_of(self.month)[0]

    @property
    def last(self) -> BookDate:
        """The last date of the month, or today."""
        return min(dates_of(self.month)[-1], self.today)

    @property
    def is_under_way(self) -> bool:
        """Whether it is the month of today."""
        return self.month == month_of(self.today)

    @property
    def span(self) -> dict[str, str]:
        """The month so far, as parameters of a question about costs."""
        return {"startDate": self.first, "endDate": self.last}

    @property
    def before(self) -> Month:
        """The month before."""
        return previous_period(self.month)

    @property
    def after(self) -> Month | None:
        """The month after; None where it has not begun."""
        return None if self.is_under_way else next_period(self.month)

    @property
    def offered(self) -> list[Month]:
        """The months of two years, and the one shown, the latest first."""
        now = month_of(self.today)
        since = Month(f"{int(now[:4]) - _OFFERED_YEARS}{now[4:]}")
        return sorted({*months_between(since, now), self.month}, reverse=True)


async def chosen_month(site: Pages, visit: Visit) -> MonthChoice:
    """The month that `?month=` names, or the one under way. Raises `ApiRefused` for what is none or has not begun."""
    catalogue = await site.container.catalogues.current()
    today = catalogue.calendar.date_of(datetime.now(UTC))
    given = visit.request.query_params
    others = {name: value for name, value in given.items() if name != "month" and value}
    try:
        chosen = month(given["month"]) if given.get("month") else month_of(today)
    except InvalidConfig:
        raise _wrong(f"{given['month'][:40]!r} is not a month such as {month_of(today)}") from None
    if chosen > month_of(today):
        raise _wrong(f"{chosen} has not begun: today is {today} in the books")
    return MonthChoice(chosen, today, visit.request.url.path, others)


def _wrong(message: str) -> ApiRefused:
    return ApiRefused(400, ErrorText("InvalidParameter", message, target="month"), "")
