"""Steps of budgets are told once, with what moved them; what takes them back is named when they are cleared."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.cli.budget_documents import shown_budget
from chargeback.domain.alerts.alert import Alert
from chargeback.domain.alerts.facts import AlertMover
from chargeback.domain.alerts.kinds import Severity
from chargeback.domain.budgets.budget import Action, Budget, Measure, Override
from chargeback.domain.budgets.windows import Every
from chargeback.domain.money.numerals import said_amount
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.effective import Effective
from chargeback.services.alerts.raise_alerts import AlertChanges
from chargeback.services.forecasting.look_ahead import forecasts
from chargeback.services.forecasting.spend_history import Into, read_until, viewpoint
from tests.support.budgets import budget
from tests.support.spending import Spent, daily
from tests.support.watched_budgets import LINK, QUARTER, WatchedBudgets, notify

pytestmark = pytest.mark.anyio

RESEARCH = budget("cost-centre:research", steps=(notify(50), notify(80), notify(100, action=Action.BLOCK)))


def today(amount: str, **fields: str) -> Spent:
    return Spent("2026-03-20", {9: amount}, **fields)


def steps(alerts: list[Alert]) -> list[str]:
    return [each.matter.step for each in alerts]


async def test_each_step_is_told_once_when_it_is_reached() -> None:
    of = WatchedBudgets([RESEARCH])
    await of.post(today("60"))
    first, _ = await of.look()
    await of.post(today("85"))

    second, _ = await of.look()
    again = await of.look()

    assert (steps(first), steps(second), again) == (["50 % actual"], ["80 % actual"], ([], []))


async def test_a_step_is_told_with_what_people_have_to_know() -> None:
    of = WatchedBudgets([replace(RESEARCH, owner="Ann")])
    await of.post(
        today("50", model="gpt-5.5", app="bot", user="ann"), today("31.50", model="o4-mini", app="bot", user="bob")
    )

    raised, _ = await of.look()

    told = raised[-1].raised.facts
    assert told.headline == (
        "Cost centre research has reached 80 % of its budget for March 2026: 81.50 USD of 100.00 USD"
    )
    assert [(each.label, each.value) for each in told.figures] == [
        ("Spent", "81.50 USD (81.5 % of the limit)"),
        ("Limit", "100.00 USD"),
        ("Left", "18.50 USD"),
        ("From now on", "Calls are served as before"),
    ]
    assert told.movers == (
        AlertMover("application bot", Decimal("81.50")),
        AlertMover("model gpt-5.5", Decimal(50)),
        AlertMover("user ann", Decimal(50)),
    )
    assert (told.since, told.cause, told.link) == (of.now, "", LINK)
    assert told.advice == (
        "Ask Ann for more; `chargeback budgets explain cost-centre:research` shows how the figure comes about."
    )
    assert (raised[-1].cost_centre, raised[-1].until) == ("research", datetime(2026, 4, 1, tzinfo=UTC))


async def test_a_step_that_was_told_in_shadow_is_told_again_when_the_budget_takes_effect() -> None:
    trial = replace(RESEARCH, shadow=True)
    of = WatchedBudgets([trial])
    await of.post(today("120"))
    in_shadow, _ = await of.look()
    of.change(RESEARCH)

    in_force, _ = await of.look()
    again = await of.look()

    assert steps(in_shadow) == ["100 % actual", "50 % actual", "80 % actual"]
    assert steps(in_force) == ["100 % actual"]  # at the others calls are served as before
    assert ("From now on", "Calls that cost something are refused") in [
        (each.label, each.value) for each in in_force[0].raised.facts.figures
    ]
    assert again == ([], [])


async def test_a_step_that_blocks_is_urgent_and_one_in_shadow_only_says_what_would_have_happened() -> None:
    of = WatchedBudgets([RESEARCH, replace(RESEARCH, id="trial", shadow=True)])
    await of.post(today("120"))

    raised, _ = await of.look()

    blocked, in_shadow = (next(a for a in raised if (a.matter.rule, a.matter.step) == (name, "100 % actual"))
                          for name in (RESEARCH.id, "trial"))  # fmt: skip
    assert (blocked.severity, in_shadow.severity) == (Severity.MONEY_AT_RISK, Severity.INFORMATION)
    assert "From now on: Calls that cost something are refused" in said(blocked)
    assert in_shadow.raised.facts.headline.endswith(
        "; in shadow, so nothing happens, but calls that cost something would be refused"
    )
    told = [alert for alert in raised if alert.matter.rule == "trial" and alert is not in_shadow]
    assert {alert.raised.facts.headline.partition("; ")[2] for alert in told} == {"in shadow, so nothing happens"}


def said(alert: Alert) -> list[str]:
    return [f"{each.label}: {each.value}" for each in alert.raised.facts.figures]


async def test_usage_alone_is_no_cause() -> None:
    of = WatchedBudgets([RESEARCH])
    await of.post(today("10"))
    await of.look()
    await of.post(today("60"))

    raised, _ = await of.look()

    assert [each.raised.facts.cause for each in raised] == [""]


async def test_a_correction_of_earlier_days_is_named_when_it_reaches_a_step() -> None:
    of = WatchedBudgets([RESEARCH])
    await of.post(Spent("2026-03-05", {9: "30"}), today("10"))
    await of.look()
    await of.post(Spent("2026-03-05", {9: "45"}))
    of.restart()

    ((alert,), _) = await of.look()

    assert alert.raised.facts.cause == (
        "A correction: usage before 19 March 2026 came late or has other prices, 15.00 USD in all"
    )
    assert alert.raised.facts.since == of.now


async def test_a_lower_amount_is_named_when_it_reaches_a_step() -> None:
    of = WatchedBudgets([RESEARCH])
    await of.post(today("40"))
    await of.look()
    of.change(replace(RESEARCH, amount=Decimal(75)))

    ((alert,), _) = await of.look()

    assert alert.raised.facts.cause == "The budget was changed from 100.00 USD to 75.00 USD"


async def test_an_override_that_ends_is_named_when_a_step_is_reached_by_that() -> None:
    of = WatchedBudgets([RESEARCH])
    of.overrides.append(Override(RESEARCH.id, Decimal(50), of.now, of.now + timedelta(hours=1), "Bob", "a demo"))
    await of.post(today("60"))
    assert await of.look() == ([], [])

    ((alert,), _) = await of.look(later=timedelta(hours=1))

    assert alert.raised.facts.cause == "The change of the limit by 50.00 USD that Bob made has ended"


async def test_an_override_that_lowers_the_limit_is_named() -> None:
    of = WatchedBudgets([RESEARCH])
    await of.post(today("40"))
    await of.look()
    of.overrides.append(Override(RESEARCH.id, Decimal(-25), of.now, of.now + timedelta(hours=1), "Bob", "a freeze"))

    ((alert,), _) = await of.look()

    assert alert.raised.facts.cause == "Bob lowered the limit by 25.00 USD until 20 March 2026 13:01 UTC: a freeze"


async def reached(spent: str = "60", *budgets: Budget) -> WatchedBudgets:
    of = WatchedBudgets(budgets or [RESEARCH])
    await of.post(today(spent))
    raised, _ = await of.look()
    assert raised
    return of


async def test_a_raised_amount_takes_a_step_back_and_is_named() -> None:
    of = await reached()
    of.change(replace(RESEARCH, amount=Decimal(200)))

    told = (await of.cleared()).cleared

    assert told is not None
    assert told.facts.headline == (
        "Cost centre research is below 50 % of its budget for March 2026 again: 60.00 USD of 200.00 USD"
    )
    assert told.facts.cause == "The budget was changed from 100.00 USD to 200.00 USD"


async def test_an_override_takes_a_step_back_and_is_named() -> None:
    of = await reached()
    of.overrides.append(Override(RESEARCH.id, Decimal(50), of.now, of.now + timedelta(days=1), "Bob", "a demo"))

    told = (await of.cleared()).cleared

    assert told is not None
    assert told.facts.cause == "Bob raised the limit by 50.00 USD until 21 March 2026 12:01 UTC: a demo"


async def test_a_correction_takes_a_step_back_and_is_named() -> None:
    of = await reached()
    await of.post(today("45"))

    told = (await of.cleared()).cleared

    assert told is not None
    assert told.facts.cause == "A correction took back 15.00 USD of the spend"


async def test_a_budget_or_a_step_that_is_no_longer_there_is_named() -> None:
    of = await reached("60", RESEARCH, replace(RESEARCH, id="other"))
    of.change(replace(RESEARCH, steps=(notify(90),)))
    await of.look()

    _, cleared = await of.look(later=QUARTER)

    causes = {each.matter.rule: each.cleared.facts.cause for each in cleared if each.cleared}
    assert causes == {
        RESEARCH.id: "The budget was changed: this step is no longer there",
        "other": "The budget is no longer in force",
    }


async def test_a_window_that_ends_is_told_to_nobody_and_the_next_one_is_told_again() -> None:
    of = await reached("60", replace(RESEARCH, every=Every.DAY))
    await of.post(Spent("2026-03-21", {9: "70"}))

    raised, cleared = await of.look(later=timedelta(days=1))

    assert [(each.matter.period, each.raised.facts.cause) for each in raised] == [("2026-03-21", "")]
    assert not cleared
    assert [each.matter.period for each in of.outbox.alerts if each.ended] == ["2026-03-20"]


async def test_a_budget_of_which_nobody_can_say_how_it_stands_takes_nothing_back() -> None:
    of = await reached()
    await of.post(today("60"), today("1", user="bob", currency="EUR"))
    await of.look()

    changes = await of.look(later=QUARTER)

    assert changes == ([], [])
    assert [each.quiet_since for each in of.outbox.alerts] == [None]


async def test_a_forecast_is_told_with_its_band_and_not_taken_back_by_a_small_change() -> None:
    expected = replace(RESEARCH, amount=Decimal(310), steps=(notify(100, Measure.FORECAST),))
    of = WatchedBudgets([expected])
    days = daily("2026-01-19", [10 + number % 3 for number in range(60)])
    await of.post(*days)

    ((alert,), _) = await of.look()
    of.change(replace(expected, amount=Decimal(345)))
    await of.look()
    small = await of.look(later=QUARTER)
    of.change(replace(expected, amount=Decimal(500)))
    cleared = await of.cleared()

    told = alert.raised.facts
    assert told.forecast is not None
    assert told.forecast.low <= told.forecast.expected <= told.forecast.high
    assert told.headline.startswith("Cost centre research is expected to reach 100 % of its budget for March 2026: 34")
    assert small == ([], [])
    assert cleared.cleared is not None
    assert cleared.cleared.facts.cause == "The budget was changed from 310.00 USD to 500.00 USD"


async def test_a_step_on_actual_spend_is_told_with_a_forecast_too() -> None:
    of = WatchedBudgets([RESEARCH])
    await of.post(*daily("2026-01-19", [10] * 60))

    raised, _ = await of.look()

    forecast = raised[0].raised.facts.forecast
    assert forecast is not None
    assert abs(forecast.expected - 310) < 1


async def test_a_call_that_was_counted_has_only_new_steps_looked_at() -> None:
    of = WatchedBudgets([RESEARCH])
    await of.post(today("60"))
    await of.watch.notice()
    standing = of.outbox.alerts
    await of.post(today("85"))

    await of.watch.notice()

    assert steps(standing) == ["50 % actual"]
    assert sorted(steps(of.outbox.alerts)) == ["50 % actual", "80 % actual"]


async def test_a_month_that_will_be_overrun_is_told_once_a_day_also_where_no_step_says_so() -> None:
    of = WatchedBudgets([replace(RESEARCH, amount=Decimal(300), steps=(notify(90),))])
    await of.post(*daily("2026-01-19", [10] * 60))
    assert await of.look() == ([], [])

    (alert,) = (await of.watch.look_ahead()).raised
    minutes = [await of.look(later=QUARTER) for _ in range(3)]
    of.change(replace(RESEARCH, amount=Decimal(400), steps=(notify(90),)))
    of.now += timedelta(days=1)
    first = await of.watch.look_ahead()
    of.now += QUARTER
    (cleared,) = (await of.watch.look_ahead()).cleared

    assert alert.raised.facts.headline == (
        "Cost centre research is expected to reach 100 % of its budget for March 2026: 310.00 USD of 300.00 USD"
    )
    assert alert.raised.facts.cause == ""
    assert minutes == [([], [])] * 3
    assert first == AlertChanges()
    assert cleared.cleared is not None
    assert cleared.cleared.facts.cause.startswith("The budget was changed from 300.00 USD to 400.00 USD; less is")


async def test_a_budget_of_a_subscription_concerns_those_who_pay_for_it() -> None:
    of = WatchedBudgets([replace(budget("subscription:search"), steps=(notify(50),),
                                 effective=Effective(datetime(2026, 1, 1, tzinfo=UTC)))])  # fmt: skip
    await of.post(today("60", centre="search"))

    ((alert,), _) = await of.look()

    assert alert.cost_centre == ""
    assert alert.raised.facts.movers[0].what == "cost centre search"


async def test_the_amounts_are_those_of_budgets_status_and_of_the_forecast() -> None:
    limit = replace(RESEARCH, amount=Decimal(310), steps=(notify(50), notify(100, Measure.FORECAST)))
    of = WatchedBudgets([limit])
    await of.post(*daily("2026-01-19", [Decimal(1000 + number * 37 % 400) / 100 for number in range(61)]))

    raised, _ = await of.look()

    found = await of.states.evaluate(of.now)
    shown = shown_budget(found.states[0], found.clock, None, found.forecasts[limit.id])
    view = viewpoint(BookDate("2026-03-20"))
    history = await read_until(of.of.books, view)
    (month,) = await forecasts(history, view, ["research"], Into("USD", {}))
    assert month.total is not None
    assert len(raised) == 2
    for alert in raised:
        told = alert.raised.facts
        assert told.forecast is not None
        assert told.forecast.expected == shown.forecast == month.total.expected
        assert told.forecast.low == shown.forecast_low == month.total.within_80.low
        assert told.forecast.high == shown.forecast_high == month.total.within_80.high
        figures = {each.label: each.value for each in told.figures}
        assert figures["Spent"].startswith(said_amount(shown.spent, "USD"))
        assert figures["Limit"] == said_amount(shown.limit, "USD")
        assert figures["Left"] == said_amount(shown.remaining, "USD")
        assert sum(each.amount for each in told.movers if each.what.startswith("model ")) == month.spent == shown.spent
