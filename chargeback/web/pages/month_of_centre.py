"""Reads which month and which cost centre the overview is about."""

from collections.abc import Iterator
from dataclasses import dataclass

from chargeback.api.errors import ErrorText
from chargeback.domain.access.requester import RowScope
from chargeback.domain.cost_centres.tree import WHOLE_TREE
from chargeback.domain.time.months import Month, dates_of
from chargeback.web.api_client import ApiRefused
from chargeback.web.months import MonthChoice, chosen_month
from chargeback.web.visits import Pages, Visit


@dataclass(frozen=True, slots=True)
class MonthOfCentre:
    """A month of a cost centre, or of everything that somebody sees.

    Attributes:
        centre: its path; empty for everything that is seen.
        currency: that the books of the month are kept in.
        scope: what is seen.
    """

    choice: MonthChoice
    centre: str
    scope: RowScope
    currency: str

    @property
    def month(self) -> Month:
        """The month."""
        return self.choice.month

    @property
    def asked(self) -> dict[str, str]:
        """The month so far, as parameters of a question about costs."""
        return self.choice.span | self.filter

    @property
    def filter(self) -> dict[str, str]:
        """The cost centre, as a parameter; none for everything."""
        return {"costCentre": self.centre} if self.centre else {}

    @property
    def whole_before(self) -> dict[str, str]:
        """The whole month before, as parameters of a question about costs."""
        dates = dates_of(self.choice.before)
        return {"startDate": dates[0], "endDate": dates[-1]} | self.filter

    @property
    def same_days_before(self) -> dict[str, str]:
        """As many days of the month before, or all of them: what the month so far is compared with."""
        dates = dates_of(self.choice.before)
        is_whole = self.choice.last == dates_of(self.month)[-1]
        last = dates[-1] if is_whole else dates[min(int(self.choice.last[8:]), len(dates)) - 1]
        return {"compareStartDate": dates[0], "compareEndDate": last}

    @property
    def tops(self) -> list[str]:
        """The cost centres whose budgets and forecasts are shown; WHOLE_TREE is all of them together."""
        if self.centre:
            return [self.centre]
        return [WHOLE_TREE] if self.scope.everything else sorted(self.scope.cost_centres)

    @property
    def levels(self) -> int:
        """After how many components of a path costs by cost centre are cut, to see those right below."""
        if self.centre:
            return self.centre.count("/") + 2
        return 1 if self.scope.everything else 0

    @property
    def trail(self) -> Iterator[str]:
        """The cost centres above the one shown that somebody sees, and itself."""
        parts = self.centre.split("/") if self.centre else []
        paths = ("/".join(parts[: number + 1]) for number in range(len(parts)))
        return (path for path in paths if self.scope.has_cost_centre(path))


async def month_of_centre(site: Pages, visit: Visit) -> MonthOfCentre:
    """What `?month=` and `?costCentre=` name. Raises `ApiRefused`, with 404 for a cost centre that is not theirs."""
    choice = await chosen_month(site, visit)
    centre = visit.request.query_params.get("costCentre", "")
    if centre and not visit.who.scope.has_cost_centre(centre):
        raise ApiRefused(404, ErrorText("NotFound", "there is no such cost centre, or you may not see it"), "")
    calendar = (await site.container.catalogues.current()).calendar
    return MonthOfCentre(choice, centre, visit.who.scope, calendar.currency(choice.month))
