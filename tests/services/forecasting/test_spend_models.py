"""The ways in which daily spend goes on: exact where it repeats, honest about what is not known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.outlook.forecast import Method
from chargeback.services.forecasting.series import Floats
from chargeback.services.forecasting.spend_models import PATHS, paths_of

WEEK_OF_WORK = [100.0, 110, 105, 108, 95, 25, 15]
amounts = st.floats(0, 10**6, allow_subnormal=False)


def drawn(values: list[float], weekday: int = 0, horizon: int = 10) -> tuple[Method, Floats]:
    method, paths = paths_of(values, weekday, horizon)
    assert paths is not None
    assert paths.shape == (PATHS, horizon)
    assert np.isfinite(paths).all()
    return method, paths


def noisy(days: int, seed: int, start: int = 0) -> list[float]:
    """A week of work over and over with a deviation of 15 % a day."""
    rng = np.random.default_rng(seed)
    pattern = np.array(WEEK_OF_WORK)[(start + np.arange(days)) % 7]
    return list(pattern * np.exp(0.15 * rng.standard_normal(days)))


@pytest.mark.parametrize("days", range(7))
def test_less_than_a_week_is_not_enough(days: int) -> None:
    assert paths_of([5.0] * days, 0, 25) == (Method.NOT_ENOUGH_DATA, None)


@pytest.mark.parametrize(
    ("days", "method"),
    [(7, Method.WORKING_DAYS), (13, Method.WORKING_DAYS), (14, Method.WEEKDAYS), (15, Method.WEEKDAYS),
     (16, Method.SMOOTHING), (70, Method.SMOOTHING)],
)  # fmt: skip
def test_more_history_carries_a_richer_model(days: int, method: Method) -> None:
    assert drawn(noisy(days, seed=1))[0] is method


@given(
    st.lists(amounts, min_size=7, max_size=7),
    st.integers(0, 6),
    st.integers(14, 40),
    st.integers(1, 31),
)
@settings(max_examples=60)
def test_a_week_that_repeats_is_continued_exactly(week: list[float], weekday: int, days: int, horizon: int) -> None:
    values = [week[number % 7] for number in range(days)]
    coming = [week[number % 7] for number in range(days, days + horizon)]

    _, paths = drawn(values, weekday, horizon)

    assert np.abs(paths - np.array(coming)).max() <= 1e-6 * max(week, default=0) + 1e-9


def test_working_days_and_a_weekend_are_told_apart_within_a_week() -> None:
    _, paths = drawn([100.0, 100, 0, 0, 100, 100, 100], weekday=3, horizon=7)

    assert np.allclose(np.median(paths, axis=0), [100, 100, 0, 0, 100, 100, 100], atol=1e-6)


@given(st.lists(amounts | st.just(0.0), min_size=7, max_size=60), st.integers(0, 6))
@settings(max_examples=60)
def test_whatever_the_history_the_paths_are_finite_and_not_negative(values: list[float], weekday: int) -> None:
    assert drawn(values, weekday)[1].min() >= 0


@given(st.lists(st.floats(-1000, 1000, allow_subnormal=False), min_size=7, max_size=60))
@settings(max_examples=40)
def test_corrections_below_zero_are_no_obstacle(values: list[float]) -> None:
    drawn(values)


def test_the_same_history_gives_the_same_paths() -> None:
    values = noisy(40, seed=3)

    assert np.array_equal(drawn(values)[1], drawn(values)[1])


def test_a_team_that_stopped_is_expected_to_spend_little() -> None:
    values = [*noisy(42, seed=5), *[0.0] * 21]

    _, paths = drawn(values, horizon=7)

    assert np.median(paths.sum(axis=1)) < 0.3 * sum(WEEK_OF_WORK)


@pytest.mark.parametrize(("days", "horizon"), [(10, 20), (15, 15), (30, 20), (60, 25)])
def test_intervals_hold_about_as_often_as_they_say(days: int, horizon: int) -> None:
    within_80 = within_95 = 0
    runs = 80
    for seed in range(runs):
        values = noisy(days + horizon, seed)
        totals = drawn(values[:days], horizon=horizon)[1].sum(axis=1)
        low_95, low, high, high_95 = np.quantile(totals, (0.025, 0.1, 0.9, 0.975))
        within_80 += low <= sum(values[days:]) <= high
        within_95 += low_95 <= sum(values[days:]) <= high_95

    assert 0.65 <= within_80 / runs <= 0.97
    assert within_95 / runs >= 0.86
