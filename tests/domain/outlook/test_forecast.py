"""Estimates are rounded to cents once, and never say less than what is spent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.outlook.forecast import BudgetOutlook, Forecast, Method, certain, marks, reached_on, to_estimate
from tests.support.budgets import monthly

BUDGET = monthly("research", 250, 50, 80, 120)


def test_an_estimate_is_in_cents() -> None:
    estimate = to_estimate([1.004, 2.006, 3.0, 4.115, 5.999], None)

    assert estimate.expected == Decimal("3.00")
    assert (estimate.within_80.low, estimate.within_80.high) == (Decimal("2.01"), Decimal("4.12"))
    assert (estimate.within_95.low, estimate.within_95.high) == (Decimal("1.00"), Decimal("6.00"))


@given(st.decimals(0, 10**6, places=9), st.lists(st.floats(0, 10**6), min_size=5, max_size=5).map(sorted))
def test_no_bound_is_below_what_is_spent(spent: Decimal, coming: list[float]) -> None:
    estimate = to_estimate([float(spent) + each for each in coming], spent)

    assert spent <= estimate.within_95.low <= estimate.within_80.low <= estimate.expected
    assert estimate.expected <= estimate.within_80.high <= estimate.within_95.high


def test_the_marks_of_a_budget_are_its_thresholds_and_the_whole_of_it() -> None:
    assert marks(BUDGET) == [
        (50, Decimal("125.00")),
        (80, Decimal("200.00")),
        (100, Decimal("250.00")),
        (120, Decimal("300.00")),
    ]


@pytest.mark.parametrize(
    ("amount", "day"), [("0.3", "2026-03-03"), ("0.30000001", None), ("0.1", "2026-03-01"), ("0.11", "2026-03-03")]
)
def test_an_amount_is_reached_on_the_day_that_brings_the_sum_to_it_exactly(amount: str, day: str | None) -> None:
    by_date = {"2026-03-03": Decimal("0.2"), "2026-03-01": Decimal("0.1")}

    assert reached_on(Decimal(amount), by_date) == day


@pytest.mark.parametrize(
    ("currency", "total", "overrun"), [("USD", "250.01", True), ("USD", "250", False), ("EUR", "999", False)]
)
def test_a_budget_is_overrun_when_more_of_its_currency_is_expected(currency: str, total: str, overrun: object) -> None:
    amount = Decimal(total)
    forecast = Forecast("2026-03", "research", currency, "2026-03-31", amount, Method.COMPLETE, 0, certain(amount))

    assert BudgetOutlook("research", BUDGET.amount, BUDGET.currency, forecast, ()).is_overrun is overrun
