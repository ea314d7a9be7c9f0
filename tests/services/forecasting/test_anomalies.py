"""Days and hours that stand out are found, others are not, and what moved them adds up."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.domain.money.exact import total
from chargeback.domain.outlook.anomalies import Anomaly, Sensitivity, Slot
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.forecasting.look_ahead import anomalies
from chargeback.services.settled.settled_days import SettledDays
from tests.support.spending import Spent, books_of, daily

WEEK = (100, 110, 105, 108, 95, 25, 15)
FIRST, LAST = "2026-03-01", "2026-03-27"
WEDNESDAY, WEDNESDAY_BEFORE = "2026-03-25", "2026-03-18"


def found_in(
    spent: Sequence[Spent],
    first: str = FIRST,
    last: str = LAST,
    calendar: Calendar | None = None,
    sensitivity: Sensitivity | None = None,
) -> list[Anomaly]:
    async def work() -> list[Anomaly]:
        days = SettledDays(await books_of(spent), MemorySettledFiles())
        return await anomalies(days, calendar or Calendar(), first, last, sensitivity)

    return asyncio.run(work())


def days_in(spent: Sequence[Spent], sensitivity: Sensitivity | None = None) -> list[Anomaly]:
    return [each for each in found_in(spent, sensitivity=sensitivity) if each.slot.hour is None]


def usual_weeks(seed: int = 2, days: int = 54, hours: Mapping[int, float] | None = None, **fields: str) -> list[Spent]:
    """From Monday 2 February to Friday 27 March 2026, with some noise."""
    rng = np.random.default_rng(seed)
    shares = hours or {9: 1.0}
    return [
        Spent(each.day, {hour: f"{float(each.hours[9]) * share:.6f}" for hour, share in shares.items()}, **fields)
        for each in daily(
            "2026-02-02", [f"{WEEK[n % 7] * (1 + 0.08 * rng.standard_normal()):.6f}" for n in range(days)]
        )
    ]


def test_usual_weeks_have_nothing_that_stands_out() -> None:
    assert found_in(usual_weeks()) == []


def test_a_day_that_stands_out_is_explained_by_what_moved_it() -> None:
    more = Spent(WEDNESDAY, {15: "300"}, model="o3", app="batch-job", user="bob")
    less = [each for each in usual_weeks() if each.day != WEDNESDAY]
    little = Spent(WEDNESDAY, {9: "90"})

    (found,) = days_in([*less, little, more])

    assert found.slot == Slot(WEDNESDAY, "research")
    assert (found.spent, found.currency) == (Decimal(390), "USD")
    assert 90 < found.usual < 120
    assert found.compared_with in {"2026-03-18", "2026-03-11", "2026-03-04", "2026-02-25"}
    by_model, by_user = found.movers["model"], found.movers["user"]
    assert [(change.name, change.after) for change in by_model] == [("o3", 300), ("gpt-4o", 90)]
    assert by_user[0].name == "bob"
    assert found.movers["application"][0].name == "batch-job"
    for changes in found.movers.values():
        before = total([change.before for change in changes])
        assert total([change.amount for change in changes]) == found.spent - before
        assert abs(before - found.usual) < 15


def test_a_collapse_stands_out_too() -> None:
    spent = [each for each in usual_weeks() if each.day != WEDNESDAY]

    (found,) = found_in([*spent, Spent(WEDNESDAY, {9: "2"})])

    assert (found.slot.date, found.spent) == (WEDNESDAY, Decimal(2))
    assert found.movers["model"][0].amount < -80


def test_a_quiet_sunday_may_not_spend_what_a_monday_does() -> None:
    spent = [each for each in usual_weeks() if each.day != "2026-03-22"]

    (found,) = found_in([*spent, Spent("2026-03-22", {9: "105"})])

    assert found.slot.date == "2026-03-22"
    assert found.usual < 30


def test_cents_do_not_alarm() -> None:
    cents = [Spent(each.day, {9: f"{float(each.hours[9]) / 1000:.6f}"}) for each in usual_weeks()]
    tenfold = [each if each.day != WEDNESDAY else Spent(WEDNESDAY, {9: "1.05"}) for each in cents]

    assert found_in(tenfold) == []
    assert [each.slot.date for each in days_in(tenfold, Sensitivity(minimum=Decimal("0.5")))] == [WEDNESDAY]


def test_each_cost_centre_has_a_pattern_of_its_own() -> None:
    large = usual_weeks(centre="large", seed=3)
    small = [Spent(each.day, {9: f"{float(each.hours[9]) / 5:.6f}"}, centre="small") for each in usual_weeks(seed=4)]

    found = days_in([*large, *small, Spent(WEDNESDAY, {10: "80"}, centre="small")])

    assert [each.slot.cost_centre for each in found] == ["small"]


def test_a_first_week_is_not_judged() -> None:
    assert found_in(daily("2026-03-22", [1, 900, 1, 900, 1, 900])) == []


def test_an_hour_that_stands_out_in_a_day_that_does_not_is_found_in_the_last_days() -> None:
    hours = dict.fromkeys(range(8, 18), 0.1)
    usual = usual_weeks(hours=hours)
    moved = [
        Spent(each.day, {hour: "0" if hour > 9 else amount for hour, amount in each.hours.items()})
        if each.day == WEDNESDAY else each
        for each in usual
    ]  # fmt: skip

    found = found_in([*moved, Spent(WEDNESDAY, {3: "85"}, model="o3", user="bob")])

    (at_three,) = [each for each in found if each.slot.hour == 3]
    assert not [each for each in found if each.slot.hour is None]
    assert at_three.slot == Slot(WEDNESDAY, "research", 3)
    assert (at_three.spent, at_three.usual) == (Decimal(85), Decimal(0))
    assert [(change.name, change.amount) for change in at_three.movers["model"]] == [("o3", Decimal(85))]


def test_hours_of_earlier_days_are_left_to_their_days() -> None:
    spent = [*usual_weeks(), Spent(WEDNESDAY_BEFORE, {3: "60"})]

    assert not [each for each in found_in(spent) if each.slot.hour is not None]


def test_a_date_of_the_books_is_explained_by_the_utc_days_that_it_lies_in() -> None:
    # In Auckland 25 March begins on 24 March at 11:00 UTC.
    calendar = Calendar((BooksSetting("2026-01", "Pacific/Auckland", "USD"),))
    usual = [each for each in usual_weeks() if each.day != WEDNESDAY]
    evening = Spent("2026-03-24", {20: "300"}, model="o3", date=WEDNESDAY)
    morning = Spent(WEDNESDAY, {1: "100"}, date=WEDNESDAY)

    found = found_in([*usual, evening, morning], calendar=calendar)

    (day,) = [each for each in found if each.slot.hour is None]
    assert (day.slot.date, day.spent) == (WEDNESDAY, Decimal(400))
    assert day.movers["model"][0].name == "o3"
    assert total([change.after for change in day.movers["model"]]) == Decimal(400)


def test_the_largest_difference_comes_first() -> None:
    spent = [*usual_weeks(), Spent(WEDNESDAY, {9: "300"}), Spent("2026-03-17", {9: "700"})]

    assert [(each.slot.date, each.slot.hour) for each in found_in(spent)] == [
        ("2026-03-17", None), (WEDNESDAY, 9), (WEDNESDAY, None),
    ]  # fmt: skip
