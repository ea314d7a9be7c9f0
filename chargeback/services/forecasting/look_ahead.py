"""Runs forecasts and the search for anomalies in a thread, so that the event loop stays free.

The statistics library takes seconds to import and its models take processor time, so both happen in a thread and
only when they are asked for: a function app takes events meanwhile.
"""

import asyncio
from collections.abc import Iterable, Sequence

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.cost_centres.tree import WHOLE_TREE, is_within, with_ancestors
from chargeback.domain.outlook.anomalies import Anomaly, Finding, Sensitivity
from chargeback.domain.outlook.forecast import BudgetOutlook, Forecast
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate, shifted, utc_namesake
from chargeback.services.forecasting.explain_anomalies import explain
from chargeback.services.forecasting.hourly_spend import read_hours
from chargeback.services.forecasting.spend_history import HISTORY_DAYS, History, Into, Viewpoint, read_history
from chargeback.services.running.progress import Progress, ignore_progress
from chargeback.services.settled.settled_days import SettledDays

HOURLY_DAYS = 3
"""The days whose hours are looked at: those before are known by their days."""


def centres_of(history: History, below: str = WHOLE_TREE) -> list[str]:
    """Every cost centre that spent anything itself or below itself, within `below`; WHOLE_TREE comes first."""
    spent = {each for centre in history.centres for each in with_ancestors(centre)}
    return [below, *sorted(each for each in spent if each != below and is_within(each, below))]


async def forecasts(
    history: History, view: Viewpoint, centres: Iterable[str], into: Into, progress: Progress = ignore_progress
) -> list[Forecast]:
    """The month's end for each cost centre with everything below it, in one currency where the rates lead to it."""

    def work() -> list[Forecast]:
        from chargeback.services.forecasting.forecast import Course

        found = []
        for number, centre in enumerate(centres, 1):
            found.append(Course(history, centre, view, into).forecast())
            progress("forecasting", number)
        return found

    return await asyncio.to_thread(work)


async def forecasts_alone(history: History, view: Viewpoint, into: Into) -> list[Forecast]:
    """The month's end for each cost centre that spent anything, without those below it."""

    def work() -> list[Forecast]:
        from chargeback.services.forecasting.forecast import Course

        return [Course(history.only(centre), centre, view, into).forecast() for centre in history.centres]

    return await asyncio.to_thread(work)


async def outlooks(history: History, view: Viewpoint, budgets: Sequence[Budget], terms: Terms) -> list[BudgetOutlook]:
    """The outlook of each monthly budget of a cost centre at the end of the month, in the budget's currency."""

    def work() -> list[BudgetOutlook]:
        from chargeback.services.forecasting.forecast import Course

        found = []
        for budget in budgets:
            into = history.into(budget.currency, terms, view.period)
            found.append(Course(history, budget.scope.value, view, into).outlook(budget))
        return found

    return await asyncio.to_thread(work)


async def anomalies(
    days: SettledDays,
    calendar: Calendar,
    first: BookDate,
    last: BookDate,
    sensitivity: Sensitivity | None = None,
    *,
    below: str = WHOLE_TREE,
    most: int | None = None,
    progress: Progress = ignore_progress,
) -> list[Anomaly]:
    """The anomalies from `first` to `last`, which must be over: days, and hours (UTC) of the last day.

    The largest difference from the usual comes first, and after the `most` largest the others are left out.
    `below`: only this cost centre and what is below it.
    """
    wanted = sensitivity or Sensitivity()
    history = await read_history(days.books, shifted(first, -HISTORY_DAYS), last)

    since = max(first, shifted(last, 1 - HOURLY_DAYS))
    hours = await read_hours(days.books, utc_namesake(since), utc_namesake(last))

    def work() -> list[Finding]:
        from chargeback.services.forecasting.find_anomalies import unusual_dates, unusual_hours

        found = [*unusual_dates(history, first, last, wanted), *unusual_hours(hours, wanted)]
        found = [each for each in found if is_within(each.slot.cost_centre, below)]
        return sorted(found, key=lambda each: -abs(float(each.spent) - each.usual))[:most]

    return await explain(days, calendar, await asyncio.to_thread(work), progress=progress)
