"""A span of effective time has whole hours, and spans can be intersected."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.time.effective import ALWAYS, Effective, between, edges, hull

START = datetime(2026, 3, 15, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

hours = st.integers(0, 12).map(lambda hour: START + hour * HOUR)
limits = st.none() | hours
times = st.builds(Effective, limits, limits).filter(lambda time: time.first < time.after)


@given(times, times)
def test_an_intersection_holds_when_both_do(one: Effective, other: Effective) -> None:
    both = one.intersection(other)

    for hour in range(-2, 15):
        moment = START + hour * HOUR
        assert (both is not None and both.holds(moment)) == (one.holds(moment) and other.holds(moment))
    assert (both is not None) == one.overlaps(other) == other.overlaps(one)
    assert one.is_within(other) == (both == one)


@given(st.lists(times, min_size=1, max_size=5))
def test_between_its_edges_a_set_of_times_is_the_same(every: list[Effective]) -> None:
    pieces = [*between([None, *edges(every), None])]

    for piece in pieces:
        assert all(time.overlaps(piece) == piece.is_within(time) for time in every)
    assert hull(pieces) == ALWAYS


@pytest.mark.parametrize(
    ("time", "faults"),
    [
        (ALWAYS, []),
        (Effective(START, START + HOUR), []),
        (Effective(START, START), ["effectiveTo: is not after effectiveFrom"]),
        (
            Effective(START.replace(tzinfo=None), START.replace(minute=30)),
            [
                "effectiveFrom: 2026-03-15T09:00:00 is not a whole hour in UTC such as 2026-03-15T00:00:00Z",
                "effectiveTo: 2026-03-15T09:30:00+00:00 is not a whole hour in UTC such as 2026-03-15T00:00:00Z",
            ],
        ),
        (
            Effective(START.replace(year=2200)),
            ["effectiveFrom: 2200-03-15T09:00:00+00:00 is not a time of the years 1970 to 2199"],
        ),
    ],
)
def test_a_time_has_whole_hours_of_years_that_the_books_can_have_and_lasts(time: Effective, faults: list[str]) -> None:
    assert [*time.faults()] == faults


def test_a_time_is_written_in_utc_whatever_the_zone_of_its_limits() -> None:
    time = Effective(datetime.fromisoformat("2026-03-15T10:00:00+01:00"))

    assert str(time) == "from 2026-03-15T09:00:00Z until further notice"
    assert f"{time:%Y-%m-%dT%H:%MZ}" == "from 2026-03-15T09:00Z until further notice"
    assert time.in_hours() == "from 2026-03-15T09Z on"
    assert Effective(START, START + HOUR).in_hours() == "from 2026-03-15T09Z until 2026-03-15T10Z"
    assert time.strings() == ("2026-03-15T09:00:00Z", "")
