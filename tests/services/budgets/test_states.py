"""The states of budgets follow from spend alone, in the time and currency of the books."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.budgets.budget import Action, Budget, Measure, Override, Rollover, Step
from chargeback.domain.budgets.state import BudgetState, Spend
from chargeback.domain.budgets.windows import Every
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month
from chargeback.services.budgets.forecasts import Forecasts
from chargeback.services.budgets.spend import BudgetSpend
from chargeback.services.budgets.states import BudgetStates, Evaluation, Overrides
from tests.support.budgets import budget
from tests.support.catalogues import catalogue
from tests.support.product_in_memory import in_memory
from tests.support.spending import Spent, books_of, daily

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
WARN = Step(Decimal(80), Action.WARN)
EURO = ExchangeRate("USD", "EUR", Decimal("0.5"), "2026-01-31", "test")


class Kept:
    """Overrides as they are given."""

    def __init__(self, *overrides: Override) -> None:
        self._overrides = overrides

    async def all(self) -> Sequence[Override]:
        return self._overrides


def states_over(
    books: MemoryBooks, terms: Terms, overrides: Overrides | None = None, zone: str = "UTC", seconds: float = 60
) -> BudgetStates:
    of = in_memory(catalogue(calendar=Calendar((BooksSetting(Month("2020-01"), zone, "USD"),))))
    of.catalogues.settled_by = terms

    async def post(_: str) -> None:
        pass

    spend = BudgetSpend(books, of.counter, post)
    return BudgetStates(of.catalogues, spend, overrides or Kept(), Forecasts(seconds=seconds))


async def evaluated(spent: Sequence[Spent], *budgets: Budget, now: datetime = NOW, **given: object) -> Evaluation:
    terms = Terms(budgets=budgets, exchange_rates=given.pop("rates", ()))
    return await states_over(await books_of(spent), terms, **given).evaluate(now)  # type: ignore[arg-type]


async def only(spent: Sequence[Spent], limit: Budget, **given: object) -> BudgetState:
    evaluation = await evaluated(spent, limit, **given)  # type: ignore[arg-type]
    (state,) = evaluation.states
    return state


async def test_a_budget_has_what_its_scope_spent_in_its_window() -> None:
    spent = daily("2026-02-27", [8, 16, 32, 64], centre="a/b")

    month = await only(spent, budget("cost-centre:a", steps=(WARN,)))
    week = await only(spent, budget("cost-centre:a", every=Every.WEEK), now=datetime(2026, 3, 2, 1, tzinfo=UTC))

    assert (month.spend.total, month.step) == (96, WARN)
    assert week.spend == Spend(Decimal(64))


async def test_only_budgets_that_hold_now_are_evaluated() -> None:
    past = budget("all", id="past", effective=Effective(None, NOW))
    coming = budget("all", id="coming", effective=Effective(NOW + timedelta(hours=1), None))
    held = budget("all", id="held", effective=Effective(NOW - timedelta(hours=12), None))

    evaluation = await evaluated([], past, coming, held)

    assert [state.budget.id for state in evaluation.states] == ["held"]
    assert (await evaluated([])).states == ()


async def test_dates_and_windows_are_those_of_the_books() -> None:
    spent = [Spent("2026-02-28", {11: "1"}, date="2026-03-01"), Spent("2026-02-28", {10: "2"}, user="bob")]

    state = await only(spent, budget("all"), now=datetime(2026, 2, 28, 12, tzinfo=UTC), zone="Pacific/Auckland")

    assert (state.window.first, state.spend.total) == (date(2026, 3, 1), 1)


async def test_what_is_spent_is_converted_at_the_rate_of_its_month() -> None:
    rates = (EURO, ExchangeRate("USD", "EUR", Decimal("0.75"), "2026-03-15", "test"))
    spent = daily("2026-02-28", [8, 16])

    state = await only(spent, budget("all", currency="EUR", every=Every.QUARTER), rates=rates)

    assert state.spend.known == 8 * Decimal("0.5") + 16 * Decimal("0.75")


async def test_without_a_rate_a_state_says_so_and_the_others_are_told() -> None:
    evaluation = await evaluated(
        daily("2026-03-01", [1]), budget("all", currency="EUR"), budget("cost-centre:research")
    )

    assert [state.budget.id for state in evaluation.states] == ["cost-centre:research"]
    assert list(evaluation.unknown) == ["all"]
    assert "none from USD to EUR" in evaluation.unknown["all"]


async def test_costs_in_two_currencies_on_a_date_have_no_sum() -> None:
    spent = [Spent("2026-03-01", {9: "1"}), Spent("2026-03-01", {9: "1"}, user="bob", currency="EUR")]

    evaluation = await evaluated(spent, budget("all"))

    assert evaluation.unknown == {"all": "the costs of 2026-03-01 are in EUR and USD, which have no sum"}


async def test_overrides_in_force_and_what_is_carried_are_part_of_the_limit() -> None:
    carrying = budget(
        "all", rollover=Rollover(unspent=True), effective=Effective(datetime(2026, 2, 1, tzinfo=UTC), None)
    )
    raised = Override("all", Decimal(7), NOW - timedelta(days=1), NOW + timedelta(days=1), "ada", "launch")
    of_another = Override("b", Decimal(9), NOW - timedelta(days=1), NOW + timedelta(days=1), "ada", "launch")

    state = await only(daily("2026-02-10", [40]), carrying, overrides=Kept(raised, of_another))

    assert (state.carried, state.limit, state.overrides) == (60, 167, (raised,))


ON_FORECAST = budget("all", "1000", steps=(Step(Decimal(100), Action.WARN, Measure.FORECAST),))


async def test_a_step_on_the_forecast_looks_ahead_with_the_same_daily_spend() -> None:
    """Forty a day, from which a month of 31 days comes to 1 240."""
    state = await only(daily("2026-02-01", [40] * 48), ON_FORECAST)

    assert state.spend.total == 40 * 20
    assert state.forecast is not None
    assert abs(state.forecast - 1240) < 1
    assert state.action is Action.WARN


async def test_a_day_that_is_dearer_than_any_raises_the_forecast_at_once() -> None:
    state = await only(daily("2026-02-01", [10] * 47 + [500]), ON_FORECAST)

    assert state.forecast is not None
    assert state.forecast >= 10 * 19 + 500


async def test_nobody_can_tell_of_a_scope_with_less_than_a_week_of_days() -> None:
    state = await only(daily("2026-03-15", [40] * 6), ON_FORECAST)

    assert (state.forecast, state.step) == (None, None)


async def test_budgets_without_a_step_on_the_forecast_have_none() -> None:
    assert (await only(daily("2026-02-01", [40] * 48), budget("all"))).forecast is None


async def test_models_are_made_for_a_moment_at_a_time_and_kept_for_the_day() -> None:
    terms = Terms(budgets=[ON_FORECAST, budget("cost-centre:research", id="other", steps=ON_FORECAST.steps)])
    states = states_over(await books_of(daily("2026-02-01", [40] * 48)), terms, seconds=0)

    first, second = await states.evaluate(NOW), await states.evaluate(NOW)
    start = time.perf_counter()
    await states.evaluate(NOW)

    assert [[state.forecast is not None for state in each.states] for each in (first, second)] == [
        [True, False],
        [True, True],
    ]
    assert time.perf_counter() - start < 1
