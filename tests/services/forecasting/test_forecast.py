"""The month's end and the run-out of budgets, from books in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.cost_centres.tree import WHOLE_TREE
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.outlook.forecast import BudgetOutlook, Forecast, Method
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.days import BookDate
from chargeback.services.forecasting.look_ahead import centres_of, forecasts, outlooks
from chargeback.services.forecasting.spend_history import History, Viewpoint, read_until, viewpoint
from tests.support.budgets import monthly
from tests.support.spending import Spent, books_of, daily

# 2026-03-02 is a Monday.
TODAY = viewpoint("2026-03-16")
WEEK = ["10", "10", "10", "10", "10", "1", "1"]
TERMS = Terms(exchange_rates=[ExchangeRate("USD", "EUR", Decimal("0.9"), "2026-03-01", "ECB")])


def history_of(spent: Sequence[Spent], view: Viewpoint = TODAY) -> History:
    async def work() -> History:
        return await read_until(await books_of(spent), view)

    return asyncio.run(work())


def forecast_of(
    spent: Sequence[Spent], centre: str = WHOLE_TREE, view: Viewpoint = TODAY, currency: str = "USD"
) -> Forecast:
    history = history_of(spent, view)
    (found,) = asyncio.run(forecasts(history, view, [centre], history.into(currency, TERMS, view.period)))
    return found


def outlook_of(spent: Sequence[Spent], budget: Budget, view: Viewpoint = TODAY) -> BudgetOutlook:
    (found,) = asyncio.run(outlooks(history_of(spent, view), view, [budget], TERMS))
    return found


def budget(amount: str, *thresholds: int, currency: str = "USD") -> Budget:
    return monthly("research", amount, *thresholds or (100,), currency=currency)


def test_a_month_that_repeats_its_weeks_is_projected_to_the_cent() -> None:
    # From Monday 23 February: 31 days of March are 22 working days at 10 and 9 weekend days at 1.
    found = forecast_of(daily("2026-02-23", WEEK * 3))

    assert found.method is Method.WEEKDAYS
    assert found.total is not None
    assert found.total.expected == found.total.within_95.low == found.total.within_95.high == Decimal("229.00")
    # 1 March is a Sunday, then two weeks of 52; nothing of the 16th is spent yet.
    assert found.spent == Decimal(105)
    assert (found.period, found.as_of, found.days, found.currency) == ("2026-03", "2026-03-16", 21, "USD")


def test_a_day_whose_cost_is_not_known_is_no_zero() -> None:
    # The same weeks, but the usage of Tuesday and Wednesday 10 and 11 March has no price yet.
    weeks = daily("2026-02-23", WEEK * 3)
    unpriced = [replace(each, is_priced=False) if each.day in ("2026-03-10", "2026-03-11") else each for each in weeks]

    found = forecast_of(unpriced)

    assert found.total is not None
    assert (found.spent, found.unknown, found.days) == (Decimal(85), 2, 19)
    # What is still to come is as before; the two days are missing from what is spent, not from what is usual.
    assert found.total.expected == Decimal("209.00")


def test_a_cost_that_is_not_known_is_missing_on_its_date_of_the_books_and_not_on_its_utc_day() -> None:
    # Books east of UTC: what is used late on the UTC day before is on Tuesday 10 March.
    weeks = daily("2026-02-23", WEEK * 3)
    late = Spent("2026-03-09", {23: "1"}, app="app-2", date="2026-03-10", is_priced=False)

    spend = history_of([*weeks, late]).alone("research")

    costs = spend.whole_days(BookDate("2026-03-16"))
    assert [number for number, cost in enumerate(costs) if cost is None] == [15]
    assert dict(spend.unknown) == {"2026-03-10": 1}


def test_sums_by_the_version_before_do_not_say_on_which_date_a_cost_is_missing_so_that_neither_is_whole() -> None:
    weeks = daily("2026-02-23", WEEK * 3)
    late = Spent("2026-03-09", {23: "1"}, app="app-2", date="2026-03-10", is_priced=False)

    async def work(spent: Sequence[Spent]) -> History:
        books = await books_of(spent)
        known = await books.summary("2026-03-09")
        assert known is not None
        del known[0]["costCentres"]["research"]["unknown"]
        await books.put_summary("2026-03-09", *known)
        return await read_until(books, TODAY)

    spend = asyncio.run(work([*weeks, late])).alone("research")
    only = asyncio.run(work([late])).alone("research")

    costs = spend.whole_days(BookDate("2026-03-16"))
    assert [number for number, cost in enumerate(costs) if cost is None] == [14, 15]
    assert dict(spend.unknown) == {"2026-03-09": 0, "2026-03-10": 1}
    assert dict(only.unknown) == {"2026-03-10": 1}


def test_days_of_which_nothing_is_known_are_no_history() -> None:
    found = forecast_of([replace(each, is_priced=False) for each in daily("2026-03-02", WEEK * 2)])

    assert (found.method, found.total, found.unknown) == (Method.NOT_ENOUGH_DATA, None, 14)


def test_what_is_spent_today_is_part_of_today_and_not_on_top_of_it() -> None:
    weeks = daily("2026-02-23", WEEK * 3)

    as_usual = forecast_of([*weeks, *daily("2026-03-16", ["4"])])
    more = forecast_of([*weeks, *daily("2026-03-16", ["15"])])

    assert as_usual.total is not None
    assert more.total is not None
    assert (as_usual.spent, as_usual.total.expected) == (Decimal(109), Decimal("229.00"))
    assert (more.spent, more.total.expected) == (Decimal(120), Decimal("234.00"))


def test_the_second_day_of_the_first_month_has_no_number() -> None:
    found = forecast_of(daily("2026-03-15", ["10", "10"]))

    assert (found.method, found.total, found.spent, found.days) == (Method.NOT_ENOUGH_DATA, None, Decimal(20), 1)


def test_nothing_spent_has_no_number() -> None:
    found = forecast_of([])

    assert (found.method, found.total, found.spent, found.currency) == (Method.NOT_ENOUGH_DATA, None, Decimal(0), "")


def test_a_new_team_is_forecast_from_its_own_first_day() -> None:
    old = daily("2026-01-05", WEEK * 10, centre="research/old")
    new = daily("2026-03-09", ["100"] * 7, centre="research/new")

    alone = forecast_of([*old, *new], "research/new")

    assert (alone.days, alone.method) == (7, Method.WORKING_DAYS)
    assert alone.total is not None
    assert alone.total.expected == Decimal("2300.00")


def test_a_cost_centre_is_forecast_with_everything_below_it_and_nothing_else() -> None:
    spent = [
        *daily("2026-02-23", WEEK * 3, centre="a/b"),
        *daily("2026-02-23", WEEK * 3, centre="a/b/c"),
        *daily("2026-02-23", WEEK * 3, centre="a/bc"),
    ]

    found = forecast_of(spent, "a/b")

    assert found.total is not None
    assert found.total.expected == Decimal("458.00")
    assert centres_of(history_of(spent)) == [WHOLE_TREE, "a", "a/b", "a/b/c", "a/bc"]
    assert centres_of(history_of(spent), "a/b") == ["a/b", "a/b/c"]


def test_a_month_that_is_over_is_what_was_spent() -> None:
    found = forecast_of(daily("2026-02-23", WEEK * 3), view=viewpoint("2026-03-16", period="2026-02"))

    assert (found.method, found.period) == (Method.COMPLETE, "2026-02")
    assert found.total is not None
    assert found.spent == found.total.expected == found.total.within_80.low == Decimal(51)


def test_an_earlier_forecast_does_not_know_what_came_later() -> None:
    weeks = daily("2026-02-02", WEEK * 6)
    changed = [*weeks[:28], *(Spent(each.day, {9: "500"}) for each in weeks[28:])]

    found = forecast_of(changed, view=viewpoint("2026-03-16", as_of="2026-03-02"))

    assert (found.spent, found.days) == (Decimal(1), 28)
    assert found.total is not None
    assert found.total.expected == Decimal("229.00")


@pytest.mark.parametrize(
    ("period", "as_of", "text"),
    [("2026-04", None, "2026-04 has not begun"), (None, "2026-03-17", "yet to come"), ("March", None, "not a month")],
)
def test_what_lies_in_the_future_is_refused(period: str | None, as_of: str | None, text: str) -> None:
    with pytest.raises(InvalidConfig, match=text):
        viewpoint("2026-03-16", period=period, as_of=as_of)


def test_costs_of_several_currencies_have_no_number_unless_a_rate_joins_them() -> None:
    spent = [*daily("2026-02-23", WEEK * 2), *daily("2026-03-09", ["9"] * 7, currency="EUR")]

    in_euro, in_dollars = forecast_of(spent, currency="EUR"), forecast_of(spent, currency="USD")

    # 1 March 1 USD and the week after 52 USD at 0.9, then 7 days of 9 EUR.
    assert (in_euro.spent, in_euro.currency) == (Decimal("110.7"), "EUR")
    assert in_euro.total is not None
    assert (in_dollars.method, in_dollars.total, in_dollars.currency) == (Method.SEVERAL_CURRENCIES, None, "EUR+USD")


@given(st.lists(st.decimals(0, 10**5, places=6), min_size=7, max_size=45))
@settings(max_examples=40)
def test_no_projection_is_below_what_is_spent(amounts: list[Decimal]) -> None:
    found = forecast_of(daily("2026-02-05", [str(amount) for amount in amounts]), view=viewpoint("2026-03-21"))

    if found.total is not None:
        assert found.spent <= found.total.within_95.low <= found.total.within_80.low <= found.total.expected
        assert found.total.expected <= found.total.within_80.high <= found.total.within_95.high


def test_a_budget_runs_out_on_the_day_that_the_sum_reaches_it() -> None:
    # 51 with Friday 6 March, 103 with Friday the 13th, 105 with the 15th, 125 with the 17th, 229 at the end.
    found = outlook_of(daily("2026-02-23", WEEK * 3), budget("125", 40, 80, 200))

    assert [(each.percent, each.reached, each.expected) for each in found.reaches] == [
        (40, "2026-03-06", None),
        (80, "2026-03-13", None),
        (100, None, "2026-03-17"),
        (200, None, None),
    ]
    assert found.run_out is not None
    assert found.run_out.earliest == found.run_out.latest == "2026-03-17"
    assert found.is_overrun


def test_an_unsteady_month_has_a_span_of_days() -> None:
    amounts = [str(value) for value in [80, 120, 100, 140, 60, 30, 10, 120, 60, 140, 90, 110, 10, 30] * 3]
    # 1 March and two weeks make 1010 with the 15th; about 550 a week follow.
    found = outlook_of(daily("2026-02-02", amounts), budget("1600"), viewpoint("2026-03-16"))

    assert found.run_out is not None
    assert found.run_out.reached is None
    assert found.run_out.earliest is not None
    assert found.run_out.expected is not None
    assert found.run_out.latest is not None
    assert "2026-03-18" <= found.run_out.earliest < found.run_out.expected < found.run_out.latest <= "2026-03-31"


def test_a_budget_that_lasts_is_not_reached_this_month() -> None:
    found = outlook_of(daily("2026-02-23", WEEK * 3), budget("5000"))

    assert found.run_out is not None
    assert (found.run_out.reached, found.run_out.expected, found.run_out.earliest) == (None, None, None)
    assert not found.is_overrun


def test_a_budget_that_is_used_up_names_the_day_even_without_a_forecast() -> None:
    found = outlook_of(daily("2026-03-13", ["10", "40", "1"]), budget("50"))

    assert found.run_out is not None
    assert found.run_out.reached == "2026-03-14"
    assert found.forecast.total is None
    assert found.is_overrun


def test_a_budget_is_compared_in_its_own_currency_or_not_at_all() -> None:
    weeks = daily("2026-02-23", WEEK * 3)

    in_euro = outlook_of(weeks, budget("1000", currency="EUR"))
    in_francs = outlook_of(weeks, budget("1", currency="CHF"))

    assert in_euro.forecast.total is not None
    assert in_euro.forecast.total.expected == Decimal("206.10")
    assert (in_francs.reaches, in_francs.run_out, in_francs.is_overrun) == ((), None, False)
    assert in_francs.forecast.currency == "USD"
