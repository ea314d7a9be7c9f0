"""Where budgets go: the dates are those of the month's forecast, and what takes long follows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.terms.terms import Terms
from chargeback.services.budgets.outlooks import BudgetOutlooks, WindowOutlook
from chargeback.services.forecasting.look_ahead import outlooks
from chargeback.services.forecasting.spend_history import read_until, viewpoint
from tests.services.budgets.test_states import states_over
from tests.support.budgets import monthly
from tests.support.spending import Spent, books_of, daily

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
WEEK = ["10", "10", "10", "10", "10", "1", "1"]
UNSTEADY = [str(value) for value in [80, 120, 100, 140, 60, 30, 10, 120, 60, 140, 90, 110, 10, 30] * 3]


async def outlook(spent: Sequence[Spent], limit: Budget, now: datetime = NOW) -> WindowOutlook:
    states = states_over(await books_of(spent), Terms(budgets=[limit]))
    found = await states.evaluate(now)
    return (await BudgetOutlooks(states).find(found.states, now, wait=True))[limit.id]


@pytest.mark.parametrize(
    ("spent", "amount"),
    [
        (daily("2026-02-23", WEEK * 3), "125"),
        (daily("2026-02-23", WEEK * 3), "5000"),
        (daily("2026-02-02", UNSTEADY), "1600"),
        (daily("2026-02-02", UNSTEADY), "2150"),
    ],
)
async def test_a_limit_is_used_up_on_the_days_that_the_forecast_of_the_month_names(
    spent: list[Spent], amount: str
) -> None:
    limit, view = monthly("research", amount, 100), viewpoint("2026-03-16")
    (of_month,) = await outlooks(await read_until(await books_of(spent), view), view, [limit], Terms())

    found = await outlook(spent, limit)

    reach, total = of_month.run_out, of_month.forecast.total
    assert reach is not None
    assert total is not None
    dates = (found.expected, found.earliest, found.latest)
    assert [each and each.isoformat() for each in dates] == [reach.expected, reach.earliest, reach.latest]
    assert found.estimate is not None
    assert found.estimate.expected == total.expected


async def test_a_limit_that_is_used_up_names_the_day_even_without_a_forecast() -> None:
    found = await outlook(daily("2026-03-13", ["10", "40", "1"]), monthly("research", "50", 100))

    assert found == WindowOutlook(None, date(2026, 3, 14))


async def test_what_was_spent_before_the_window_uses_up_nothing() -> None:
    found = await outlook(daily("2026-02-27", ["90", "90", "1"]), monthly("research", "50", 100))

    assert found.reached is None


async def test_what_takes_long_follows_when_it_is_asked_for_again() -> None:
    limits = [monthly("research", "125", 100), monthly("product", "5", 100)]
    states = states_over(await books_of(daily("2026-02-23", WEEK * 3)), Terms(budgets=limits))
    beside = BudgetOutlooks(states, lambda: NOW)
    found = (await states.evaluate(NOW)).states

    first = await beside.find(found, NOW, wait=False)
    await beside.worked_out()
    then = await beside.find(found, NOW, wait=False)
    await beside.stop()

    assert first == {}
    assert then["research"].expected == date(2026, 3, 17)
    assert then["product"] == WindowOutlook(None)
