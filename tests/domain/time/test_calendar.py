"""Every hour of usage belongs to exactly one period and one date, whatever the clocks and the settings do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.calendar import BooksSetting, Calendar, next_period, previous_period
from chargeback.domain.time.months import dates_of

HOUR = timedelta(hours=1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",  # skips midnight
    "Africa/Cairo",  # skips midnight, and repeats the hour before it
    "Asia/Beirut",
    "Africa/Casablanca",  # two changes a year that follow the moon
    "Antarctica/Troll",  # changes by two hours
    "Pacific/Kiritimati",
    "Etc/GMT+12",
    "Australia/Sydney",
)
periods = st.builds("{:04}-{:02}".format, st.integers(2020, 2040), st.integers(1, 12))
zones = st.sampled_from(ZONES)
calendars = st.lists(st.tuples(periods, zones), min_size=1, max_size=4, unique_by=lambda each: each[0]).map(
    lambda found: Calendar(tuple(BooksSetting(period, zone, "USD") for period, zone in sorted(found)))
)
moments = st.integers(0, 20 * 365 * 24 * 3600 * 10**6).map(
    lambda microseconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


def of(zone: str) -> Calendar:
    return Calendar((BooksSetting("2020-01", zone, "EUR"),))


@given(calendars, moments)
def test_a_moment_is_in_one_period_only(calendar: Calendar, moment: datetime) -> None:
    period = calendar.period_of(moment)

    around = [previous_period(previous_period(period)), previous_period(period), period]
    around += [next_period(period), next_period(next_period(period))]
    within = [each for each in around if calendar.bounds(each)[0] <= moment < calendar.bounds(each)[1]]
    assert within == [period]


@given(calendars, periods)
def test_a_period_ends_where_the_next_begins_and_begins_at_a_whole_hour(calendar: Calendar, period: str) -> None:
    start, end = calendar.bounds(period)

    assert end == calendar.bounds(next_period(period))[0]
    assert timedelta(days=27) <= end - start <= timedelta(days=33)
    assert start.timestamp() % 3600 == 0


@settings(max_examples=25)
@given(calendars, periods)
def test_the_dates_of_a_period_ascend_hour_by_hour_and_stay_within_it(calendar: Calendar, period: str) -> None:
    start, end = calendar.bounds(period)
    hours = int((end - start) / HOUR)

    dates = [calendar.date_of(start + number * HOUR) for number in range(hours)]

    assert all(earlier <= later for earlier, later in pairwise(dates))
    assert {date[:7] for date in dates} == {period}


@given(calendars, moments)
def test_an_hour_has_one_date_from_its_first_to_its_last_microsecond(calendar: Calendar, moment: datetime) -> None:
    start = moment.replace(minute=0, second=0, microsecond=0)
    end = start + HOUR - timedelta(microseconds=1)

    assert calendar.date_of(start) == calendar.date_of(moment) == calendar.date_of(end)
    assert calendar.period_of(start) == calendar.period_of(end)
    assert calendar.dates(f"{start:%Y-%m-%d}")[start.hour] == calendar.date_of(moment)


@given(zones, periods)
def test_without_a_change_of_zone_every_date_of_the_month_has_hours(zone: str, period: str) -> None:
    calendar = of(zone)

    dates = {date for day in calendar.utc_days(period) for date in calendar.dates(day)}

    assert set(dates_of(period)) <= dates


@given(calendars, periods)
def test_the_utc_days_of_a_period_are_those_with_one_of_its_hours(calendar: Calendar, period: str) -> None:
    days = calendar.utc_days(period)

    outside = [
        datetime.fromisoformat(days[0]) - timedelta(days=1),
        datetime.fromisoformat(days[-1]) + timedelta(days=1),
    ]
    for day in (days[0], days[-1]):
        assert period in {date[:7] for date in calendar.dates(day)}
    for other in outside:
        assert period not in {date[:7] for date in calendar.dates(f"{other:%Y-%m-%d}")}
    assert len(days) == len(set(days))


@pytest.mark.parametrize(
    ("zone", "period", "start", "end"),
    [
        ("UTC", "2026-03", "2026-03-01T00Z", "2026-04-01T00Z"),
        # Winter time at the start, summer time at the end: an hour less.
        ("Europe/Berlin", "2026-03", "2026-02-28T23Z", "2026-03-31T22Z"),
        ("Europe/Berlin", "2026-10", "2026-09-30T22Z", "2026-10-31T23Z"),
        ("America/New_York", "2026-03", "2026-03-01T05Z", "2026-04-01T04Z"),
        ("Pacific/Kiritimati", "2026-01", "2025-12-31T10Z", "2026-01-31T10Z"),
    ],
)
def test_bounds_follow_the_zone(zone: str, period: str, start: str, end: str) -> None:
    assert [f"{each:%Y-%m-%dT%HZ}" for each in of(zone).bounds(period)] == [start, end]


@pytest.mark.parametrize(("offset", "expected"), [(-1, "2026-02"), (0, "2026-03"), (1, "2026-03")])
def test_a_microsecond_decides_the_period(offset: int, expected: str) -> None:
    edge = datetime(2026, 2, 28, 23, tzinfo=UTC) + timedelta(microseconds=offset)

    assert of("Europe/Berlin").period_of(edge) == expected


def test_the_hour_that_a_clock_repeats_stays_on_its_date() -> None:
    # Berlin sets its clocks back on 25 October 2026 at 01:00 UTC, so the day has 25 hours.
    calendar = of("Europe/Berlin")

    dates = [date for day in ("2026-10-24", "2026-10-25") for date in calendar.dates(day)]

    assert dates.count("2026-10-25") == 25


def test_a_change_of_zone_takes_effect_with_its_period_and_loses_no_hour() -> None:
    calendar = Calendar((BooksSetting("2026-01", "Europe/Berlin", "EUR"), BooksSetting("2026-04", "UTC", "USD")))

    # In Berlin the last two hours are already 1 April; the period they are in is March.
    assert calendar.bounds("2026-03")[1] == datetime(2026, 4, 1, tzinfo=UTC)
    assert calendar.date_of(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)) == "2026-03-31"
    assert calendar.date_of(datetime(2026, 4, 1, tzinfo=UTC)) == "2026-04-01"
    assert (calendar.currency("2026-03"), calendar.currency("2026-04")) == ("EUR", "USD")


def test_the_first_setting_holds_for_what_came_before_it() -> None:
    assert of("Europe/Berlin").time_zone("2019-12") == "Europe/Berlin"


def test_by_default_the_books_are_kept_in_utc_and_dollars() -> None:
    calendar = Calendar()

    assert calendar.dates("2026-03-31") == ("2026-03-31",) * 24
    assert calendar.utc_days("2026-02") == dates_of("2026-02")
    assert calendar.currency("2026-03") == "USD"


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"])
def test_a_zone_that_is_not_whole_hours_from_utc_is_refused(zone: str) -> None:
    with pytest.raises(InvalidConfig, match=rf"books\[0\]\.timeZone: {zone} is .* usage is counted by the whole UTC"):
        of(zone)


@pytest.mark.parametrize("zone", ["", "Europe/Atlantis", "../UTC", "localtime", "Europe"])
def test_what_is_no_zone_everywhere_is_refused(zone: str) -> None:
    with pytest.raises(InvalidConfig, match=r"books\[0\]\.timeZone: there is no time zone"):
        of(zone)


def test_every_fault_is_named_with_its_place() -> None:
    with pytest.raises(InvalidConfig) as caught:
        Calendar((BooksSetting("2026-02", "Europe/Atlantis", "eur"), BooksSetting("2026-01", "../UTC", "USD")))

    assert [fault.split(": ")[0] for fault in caught.value.faults] == [
        "books[0].timeZone",
        "books[0].currency",
        "books[1].timeZone",
        "books[1].from",
    ]


def test_a_period_that_is_no_month_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="is not a month"):
        Calendar().bounds("2026-13")
