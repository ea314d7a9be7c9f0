"""What a budget would have done, against the rule of its state, and each split by hand."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.budgets.budget import Action, Budget, Measure, Override, Rollover, Step
from chargeback.domain.budgets.replaying import BudgetReplay, HourUsed
from chargeback.domain.budgets.state import BooksClock, Spend, state_of
from chargeback.domain.budgets.windows import Every, window_of
from chargeback.domain.money.exact import EXACT, ZERO, total
from chargeback.domain.time.effective import Effective
from tests.support.budgets import budget

START = datetime(2026, 3, 1, tzinfo=UTC)
WARN = Step(Decimal(50), Action.WARN)
SWAP = Step(Decimal(80), Action.SWAP, fallback={"gpt-5.5": "gpt-5.4-mini"})
BLOCK = Step(Decimal(100), Action.BLOCK)


def clock(hour: datetime) -> BooksClock:
    return BooksClock(hour, hour.date(), lambda day: datetime.combine(day, time(), UTC), lambda moment: moment.date())


def limit(amount: str = "100", **given: object) -> Budget:
    return budget(
        "subscription:search", amount, **{"steps": (WARN, SWAP, BLOCK), "effective": Effective(START), **given}
    )


def used(cost: str, calls: int = 10, unknown: int = 0) -> HourUsed:
    return HourUsed(Decimal(cost), calls, unknown)


def replayed(limited: Budget, hours: dict[int, HourUsed], *overrides: Override) -> BudgetReplay:
    """`hours`: hours since the first of March."""
    replay = BudgetReplay(limited, overrides)
    for number, each in sorted(hours.items()):
        hour = START + timedelta(hours=number)
        replay.add(hour.date(), each)
        replay.take(clock(hour), each)
    return replay


def test_each_step_is_reached_in_its_hour_and_has_what_came_after_it() -> None:
    (window,) = replayed(limit(), {1: used("40"), 2: used("20"), 30: used("30"), 31: used("60")}).windows

    assert [(each.step, each.at) for each in window.steps] == [
        (WARN, START + timedelta(hours=2)),
        (SWAP, START + timedelta(hours=30)),
        (BLOCK, START + timedelta(hours=31)),
    ]
    # 50 to 80 is warned of, 80 to 100 is swapped, and the last 50 are refused.
    assert [(each.cost, each.calls) for each in window.steps] == [(30, 12), (20, 5), (50, 8)]
    assert (window.spent, window.limit, window.overrun, window.calls) == (150, 100, 50, 40)


def test_an_hour_that_passes_several_steps_is_split_between_them() -> None:
    (window,) = replayed(limit(), {1: used("200", calls=20)}).windows

    assert [(each.cost, each.calls) for each in window.steps] == [(30, 3), (20, 2), (100, 10)]


def test_a_step_that_nothing_reached_is_not_told() -> None:
    (window,) = replayed(limit(), {1: used("60")}).windows

    assert ([each.step for each in window.steps], window.overrun) == ([WARN], 0)


def test_calls_of_unknown_cost_count_as_nothing_and_are_told() -> None:
    (window,) = replayed(limit(), {1: used("0", calls=5, unknown=5)}).windows

    assert (window.steps, window.calls, window.unknown) == ([], 5, 5)


def test_each_window_begins_again_and_is_given_what_is_carried() -> None:
    daily = limit("10", every=Every.DAY, rollover=Rollover(unspent=True))

    first, second = replayed(daily, {1: used("4"), 25: used("16")}).windows

    assert (first.limit, second.carried, second.limit, second.overrun) == (10, 6, 16, 0)
    assert [each.step for each in second.steps] == [WARN, SWAP, BLOCK]


def test_an_override_moves_the_steps_while_it_holds() -> None:
    raised = Override("subscription:search", Decimal(100), START, START + timedelta(hours=3), "ada", "launch")

    (window,) = replayed(limit(), {1: used("99"), 4: used("5")}, raised).windows

    assert [(each.step, each.at.hour, each.calls) for each in window.steps] == [
        (WARN, 4, 0),
        (SWAP, 4, 2),
        (BLOCK, 4, 8),
    ]


def test_a_step_on_the_forecast_takes_the_whole_hour() -> None:
    replay = BudgetReplay(limit(steps=(Step(Decimal(100), Action.BLOCK, Measure.FORECAST),)))
    replay.add(START.date(), used("10"))

    replay.take(clock(START), used("10"), Decimal(120))

    ((step,),) = (window.steps for window in replay.windows)
    assert (step.cost, step.calls) == (10, 10)


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 60), st.integers(0, 9)),
        max_size=40,
        unique_by=lambda each: each[0],
    ),
    st.sampled_from(Every),
)
def test_a_step_is_reached_when_the_state_says_so_and_nothing_is_told_twice(
    hours: list[tuple[int, int, int]], every: Every
) -> None:
    limited = limit(every=every)
    replay = replayed(limited, {number: used(str(cost), calls) for number, cost, calls in hours})

    spend: dict[date, Spend] = {}
    reached: dict[tuple[object, int], datetime] = {}
    for number, cost, _ in sorted(hours):
        hour = START + timedelta(hours=number)
        spend[hour.date()] = Spend(EXACT.add(spend.get(hour.date(), Spend()).known, Decimal(cost)))
        for step in state_of(limited, clock(hour), spend).reached:
            reached.setdefault((window_of(every, hour.date()), limited.steps.index(step)), hour)
    found = {
        (window.window, limited.steps.index(each.step)): each.at for window in replay.windows for each in window.steps
    }
    assert found == reached
    for window in replay.windows:
        after = total(each.cost for each in window.steps)
        assert after == max(EXACT.subtract(window.spent, Decimal(50)), ZERO)
        assert sum(each.calls for each in window.steps) <= window.calls
    assert sum(window.calls for window in replay.windows) == sum(calls for _, _, calls in hours)


@pytest.mark.parametrize("calls", [0, 1, 7])
def test_no_call_is_lost_where_an_hour_is_split(calls: int) -> None:
    (window,) = replayed(limit(), {1: used("50"), 2: used("100", calls=calls)}).windows

    assert sum(each.calls for each in window.steps) == calls
