"""A month is compared with one monthly budget of each cost centre: the one that holds last, and none in shadow."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from chargeback.domain.budgets.budget import Action, Measure, Step
from chargeback.domain.budgets.monthly import monthly_budgets, percentages
from chargeback.domain.budgets.windows import Every
from chargeback.domain.cost_centres.tree import WHOLE_TREE
from chargeback.domain.time.effective import Effective
from tests.support.budgets import budget, monthly

MARCH = Effective(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
MIDDLE = datetime(2026, 3, 15, tzinfo=UTC)


def test_only_monthly_budgets_of_cost_centres_that_act_count() -> None:
    plain = monthly("product", 100, 80)
    others = [budget("subscription:search"), replace(plain, every=Every.DAY), replace(plain, shadow=True)]

    assert monthly_budgets([*others, plain], MARCH) == (plain,)


def test_the_budget_of_all_usage_is_that_of_the_whole_tree_for_whoever_asks_for_it() -> None:
    plain, whole = monthly("product", 100, 80), budget("all:")

    assert monthly_budgets([whole, plain], MARCH) == (plain,)
    assert monthly_budgets([whole, plain], MARCH, with_everything=True) == (whole, plain)
    assert whole.scope.value == WHOLE_TREE


def test_the_budget_that_holds_last_in_the_month_counts() -> None:
    first = replace(monthly("product", 100, 80), effective=Effective(None, MIDDLE))
    second = replace(monthly("product", 200, 80), effective=Effective(MIDDLE, None))
    next_month = replace(monthly("product", 300, 80), effective=Effective(MARCH.end, None))

    assert monthly_budgets([second, first, next_month], MARCH) == (second,)


def test_percentages_are_those_of_actual_spend_once_each() -> None:
    steps = (
        Step(Decimal(90), Action.NOTIFY, Measure.FORECAST),
        Step(Decimal(80), Action.NOTIFY),
        Step(Decimal(80), Action.WARN),
        Step(Decimal("99.5"), Action.BLOCK),
    )

    assert percentages(budget("cost-centre:product", steps=steps)) == [Decimal(80), Decimal("99.5")]
