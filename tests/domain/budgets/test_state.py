"""A budget's state against an oracle of a few lines, and each rule of it by hand."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.budgets.budget import Action, Budget, Measure, Override, Rollover, Scope, ScopeKind, Step
from chargeback.domain.budgets.state import BooksClock, BudgetState, Spend, first_date, state_of
from chargeback.domain.budgets.windows import Every, window_of
from chargeback.domain.time.effective import Effective

START = date(2026, 1, 1)
WARN = Step(Decimal(80), Action.WARN)
BLOCK = Step(Decimal(100), Action.BLOCK)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def clock(today: date) -> BooksClock:
    return BooksClock(midnight(today) + timedelta(hours=12), today, midnight, lambda moment: moment.date())


def budget(amount: int = 100, every: Every = Every.MONTH, **given: object) -> Budget:
    values = {"steps": (WARN, BLOCK), "effective": Effective(midnight(START)), **given}
    return Budget("search", Scope(ScopeKind.SUBSCRIPTION, "search"), Decimal(amount), "USD", every, **values)  # type: ignore[arg-type]


def spent(**dates: int) -> dict[date, Spend]:
    """`m3d2=50`: fifty on the second of March."""
    days = (name[1:].split("d") for name in dates)
    return {
        date(2026, int(month), int(day)): Spend(Decimal(amount))
        for (month, day), amount in zip(days, dates.values(), strict=True)
    }


def override(amount: int, start: date, until: date) -> Override:
    return Override("search", Decimal(amount), midnight(start), midnight(until), "ada", "launch")


def state(today: date, spend: Mapping[date, Spend], **given: object) -> BudgetState:
    overrides = given.pop("overrides", ())
    forecast = given.pop("forecast", None)
    return state_of(budget(**given), clock(today), spend, overrides, forecast)  # type: ignore[arg-type]


def test_only_the_current_window_counts() -> None:
    found = state(date(2026, 3, 20), spent(m2d28=70, m3d1=10, m3d20=5))

    assert (found.spend.total, found.limit, found.remaining, found.step) == (15, 100, 85, None)


def test_what_is_spent_before_the_budget_begins_does_not_count() -> None:
    began = Effective(midnight(date(2026, 3, 10)))

    found = state(date(2026, 3, 20), spent(m3d9=90, m3d10=10), effective=began)

    assert found.spend.total == 10


@pytest.mark.parametrize(("amount", "action"), [(79, None), (80, Action.WARN), (99, Action.WARN), (100, Action.BLOCK)])
def test_a_step_is_reached_at_its_percentage(amount: int, action: Action | None) -> None:
    assert state(date(2026, 3, 20), spent(m3d1=amount)).action is action


def test_estimates_count_and_are_shown_apart() -> None:
    found = state(date(2026, 3, 20), {date(2026, 3, 1): Spend(Decimal(50), Decimal(50))})

    assert (found.spend.known, found.spend.estimated, found.action) == (50, 50, Action.BLOCK)


def test_a_shadow_budget_reaches_steps_and_does_nothing() -> None:
    found = state(date(2026, 3, 20), spent(m3d1=100), shadow=True)

    assert (found.step, found.action) == (BLOCK, None)


def test_a_step_on_forecast_waits_for_one_and_never_believes_less_than_was_spent() -> None:
    steps = (Step(Decimal(100), Action.WARN, Measure.FORECAST),)

    assert state(date(2026, 3, 20), spent(m3d1=100), steps=steps).action is None
    assert state(date(2026, 3, 20), spent(m3d1=50), steps=steps, forecast=Decimal(101)).action is Action.WARN
    assert state(date(2026, 3, 20), spent(m3d1=100), steps=steps, forecast=Decimal(1)).action is Action.WARN


def test_the_most_severe_step_decides_whatever_its_percentage() -> None:
    steps = (Step(Decimal(50), Action.THROTTLE, tokens_per_minute=1000), Step(Decimal(60), Action.WARN))

    assert state(date(2026, 3, 20), spent(m3d1=70), steps=steps).action is Action.THROTTLE


def test_an_override_raises_the_limit_while_it_holds() -> None:
    raised = (override(50, date(2026, 3, 5), date(2026, 3, 21)),)

    assert state(date(2026, 3, 4), {}, overrides=raised).limit == 100
    assert state(date(2026, 3, 20), {}, overrides=raised).limit == 150
    assert state(date(2026, 3, 21), {}, overrides=raised).limit == 100


def test_an_override_may_take_everything_and_a_budget_of_nothing_blocks() -> None:
    found = state(date(2026, 3, 20), {}, overrides=(override(-150, date(2026, 3, 5), date(2026, 4, 1)),))

    assert (found.limit, found.action) == (0, Action.BLOCK)


def test_unspent_money_goes_over_for_one_window() -> None:
    rollover = Rollover(unspent=True)

    assert state(date(2026, 2, 10), spent(m1d5=60), rollover=rollover).carried == 40
    assert state(date(2026, 3, 10), spent(m1d5=60, m2d5=100), rollover=rollover).carried == 40
    assert state(date(2026, 3, 10), spent(m1d5=60, m2d5=10), rollover=rollover).carried == 100


def test_unspent_money_expires_and_the_oldest_is_spent_first() -> None:
    rollover = Rollover(unspent=True, cap=Decimal(300), expires_after=2)

    assert state(date(2026, 4, 10), spent(), rollover=rollover).carried == 200
    assert state(date(2026, 4, 10), spent(m2d1=30, m3d1=50), rollover=rollover).carried == 200
    assert state(date(2026, 4, 10), spent(m2d1=30, m3d1=90), rollover=rollover).carried == 180


def test_what_is_carried_has_a_cap() -> None:
    assert state(date(2026, 2, 10), spent(), rollover=Rollover(unspent=True, cap=Decimal(25))).carried == 25


def test_overage_is_carried_or_forgiven() -> None:
    over = spent(m1d5=130)

    assert state(date(2026, 2, 10), over, rollover=Rollover(overage=True)).limit == 70
    assert state(date(2026, 2, 10), over, rollover=Rollover(unspent=True)).limit == 100
    assert state(date(2026, 3, 10), spent(m1d5=350), rollover=Rollover(overage=True)).limit == 0
    assert state(date(2026, 4, 10), spent(m1d5=350), rollover=Rollover(overage=True)).limit == 50


def test_an_override_that_held_until_the_end_covers_what_was_spent_by_it_and_is_not_carried() -> None:
    raised = (override(50, date(2026, 1, 5), date(2026, 2, 1)),)
    both = Rollover(unspent=True, overage=True)

    assert state(date(2026, 2, 10), spent(m1d5=130), rollover=both, overrides=raised).carried == 0
    assert state(date(2026, 2, 10), spent(m1d5=160), rollover=both, overrides=raised).carried == -10
    assert state(date(2026, 2, 10), spent(m1d5=20), rollover=both, overrides=raised).carried == 80


def test_an_override_that_ended_before_its_window_covers_what_was_spent_by_it_until_then() -> None:
    raised = (override(50, date(2026, 1, 5), date(2026, 1, 11)), override(20, date(2026, 1, 20), date(2026, 1, 22)))
    overage = Rollover(overage=True)

    def carried(**days: int) -> Decimal:
        return state(date(2026, 3, 10), spent(**days), rollover=overage, overrides=raised).carried

    assert carried(m1d5=130, m2d1=100) == 0
    assert carried(m1d5=130, m1d10=40, m2d1=100) == -20
    assert carried(m1d10=130, m1d11=40, m2d1=100) == -40
    assert carried(m1d11=130, m2d1=100) == -10
    assert carried(m1d21=115, m1d25=1, m2d1=100) == -1


def test_only_a_budget_that_carries_needs_what_was_spent_before_its_window() -> None:
    assert first_date(budget(), clock(date(2026, 3, 20))) == date(2026, 3, 1)
    assert first_date(budget(rollover=Rollover(unspent=True)), clock(date(2026, 3, 20))) == START
    assert first_date(budget(effective=Effective()), clock(date(2026, 3, 20))) == date(2026, 3, 1)


DAYS = st.dates(START, date(2026, 6, 30))
AMOUNTS = st.integers(0, 40_000).map(lambda cents: Decimal(cents) / 100)


@given(
    spends=st.dictionaries(DAYS, AMOUNTS, max_size=20),
    every=st.sampled_from(Every),
    today=DAYS,
    unspent=st.booleans(),
    overage=st.booleans(),
)
def test_the_state_is_that_of_an_oracle_that_goes_day_by_day(
    spends: dict[date, Decimal], every: Every, today: date, *, unspent: bool, overage: bool
) -> None:
    rollover = Rollover(unspent=unspent, overage=overage)
    found = state(today, {day: Spend(amount) for day, amount in spends.items()}, every=every, rollover=rollover)

    carried, used, day = Decimal(0), Decimal(0), START
    while day <= today:
        used += spends.get(day, Decimal(0))
        tomorrow = day + timedelta(days=1)
        if day != today and window_of(every, tomorrow) != window_of(every, day):
            own_left = 100 + min(carried, Decimal(0)) - max(used - max(carried, Decimal(0)), Decimal(0))
            carried = (max(own_left, Decimal(0)) if unspent else Decimal(0)) + (
                min(own_left, Decimal(0)) if overage else Decimal(0)
            )
            used = Decimal(0)
        day = tomorrow
    # The window in which today lies may have gone on: nothing after today is spent yet.
    used += sum((amount for each, amount in spends.items() if each > today and each in found.window), Decimal(0))

    assert (found.carried, found.spend.total) == (carried, used)
    assert found.limit == max(100 + carried, Decimal(0))
    assert (Action.BLOCK in {step.action for step in found.reached}) == (used >= found.limit)
