"""What budgets would have done in a month, from the events of the ledger."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from chargeback.adapters.memory.stores import MemoryLedger
from chargeback.domain.budgets.budget import Action, Budget, Measure, Override, Step
from chargeback.domain.budgets.windows import Every, Window
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.budgets.replay import BudgetReplayer, ReplayedMonth
from tests.support.budgets import budget
from tests.support.builders import tokens, usage_event
from tests.support.catalogues import START, catalogue, dated

pytestmark = pytest.mark.anyio

MARCH = Month("2026-03")
WARN, BLOCK = Step(Decimal(50), Action.WARN), Step(Decimal(100), Action.BLOCK)
EURO = ExchangeRate("USD", "EUR", Decimal("0.5"), "2026-01-31", "test")


def used(dollars: int, time: str, **fields: object) -> bytes:
    return usage_event(**{"time": f"{time}:30:00Z", "usage": tokens(dollars * 1_000_000, 0)} | fields)


async def replayed(
    events: Sequence[bytes],
    *budgets: Budget,
    zone: str = "UTC",
    overrides: Sequence[Override] = (),
    rates: Sequence[ExchangeRate] = (EURO,),
) -> ReplayedMonth:
    """A million tokens of input cost a dollar; search pays for product/search."""
    ledger = MemoryLedger()
    for event in events:
        await ledger.append(event.split(b'"time":"')[1][:10].decode(), [event])
    rule = Rule("search", {"subscription": "search"}, "product/search")
    of = catalogue(
        dated(Meter.INPUT, (START, "1")),
        rules=(rule,),
        calendar=Calendar((BooksSetting(Month("2020-01"), zone, "USD"),)),
        account="oai-swedencentral",
    )
    replayer = BudgetReplayer(ledger, EffectiveCatalogues(of), Terms(exchange_rates=rates))
    return await replayer.replay(budgets, MARCH, overrides)


def limit(scope: str = "all", amount: str = "10", **given: object) -> Budget:
    return budget(scope, amount, **{"steps": (WARN, BLOCK), **given})


async def test_steps_are_reached_in_the_hour_of_the_call() -> None:
    found = await replayed(
        [used(4, "2026-03-02T09"), used(4, "2026-03-02T10"), used(4, "2026-03-05T11")], limit("cost-centre:product")
    )

    ((window,),) = (each.windows for each in found.replays)
    assert [(each.step, each.at, each.cost, each.calls) for each in window.steps] == [
        (WARN, datetime(2026, 3, 2, 10, tzinfo=UTC), 5, 1),
        (BLOCK, datetime(2026, 3, 5, 11, tzinfo=UTC), 2, 0),
    ]
    assert (window.spent, window.limit, window.overrun, window.calls) == (12, 10, 2, 3)


async def test_each_scope_has_its_own_usage_and_other_months_have_none() -> None:
    events = [
        used(1, "2026-03-02T09"),
        used(2, "2026-03-02T09", subscriptionId="support"),
        used(64, "2026-02-28T23"),
        used(64, "2026-04-01T00"),
    ]
    found = await replayed(events, limit(), limit("subscription:support"), limit("model:gpt-4o"), limit("user:ann"))

    spent = {each.budget.id: [window.spent for window in each.windows] for each in found.replays}
    assert spent == {"all": [3], "subscription:support": [2], "model:gpt-4o": [3], "user:ann": []}


async def test_dates_are_those_of_the_books_and_a_call_that_is_there_twice_counts_once() -> None:
    first = used(1, "2026-02-28T23", id="first")

    found = await replayed([first, first, used(64, "2026-03-31T22")], limit(every=Every.DAY), zone="Europe/Berlin")

    ((window,),) = (each.windows for each in found.replays)
    assert (window.window, window.spent) == (Window(date(2026, 3, 1), date(2026, 3, 2)), 1)


async def test_a_window_that_begins_before_the_month_is_read_from_its_beginning() -> None:
    events = [used(6, "2026-02-23T09"), used(6, "2026-03-01T09"), used(3, "2026-03-02T09")]

    found = await replayed(events, limit(every=Every.WEEK))

    first, second = found.replays[0].windows
    assert found.read == Window(date(2026, 2, 23), date(2026, 4, 1))
    assert [(each.step, each.calls) for each in first.steps] == [(WARN, 1), (BLOCK, 0)]
    assert (first.spent, second.spent, second.steps) == (12, 3, [])


async def test_a_budget_that_is_not_in_force_yet_is_replayed_as_if_it_were() -> None:
    coming = limit(effective=Effective(datetime(2027, 1, 1, tzinfo=UTC)), shadow=True)

    found = await replayed([used(12, "2026-03-02T09")], coming)

    ((window,),) = (each.windows for each in found.replays)
    assert [each.step for each in window.steps] == [WARN, BLOCK]


async def test_spend_is_in_the_currency_of_the_budget() -> None:
    found = await replayed([used(12, "2026-03-02T09")], limit(currency="EUR"))

    assert [window.spent for window in found.replays[0].windows] == [6]


async def test_overrides_of_the_time_move_the_steps() -> None:
    raised = Override("all", Decimal(90), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC), "a", "b")

    found = await replayed([used(12, "2026-03-02T09"), used(1, "2026-03-10T09")], limit(), overrides=(raised,))

    ((window,),) = (each.windows for each in found.replays)
    assert {each.at.day for each in window.steps} == {10}


async def test_calls_without_a_price_or_tokens_are_counted_and_told() -> None:
    events = [
        used(1, "2026-03-02T09", model="unheard-of", deployment="unheard-of"),
        usage_event(type="pending", time="2026-03-02T09:00:00Z"),
    ]

    found = await replayed(events, limit())

    ((window,),) = (each.windows for each in found.replays)
    assert (window.spent, window.calls, window.unknown) == (0, 2, 2)


async def test_a_step_on_the_forecast_rests_on_the_weeks_before() -> None:
    steady = [used(1, f"2026-02-{day:02}T09") for day in range(1, 29)] + [used(1, "2026-03-01T09")]
    expecting = limit(amount="20", steps=(Step(Decimal(100), Action.BLOCK, Measure.FORECAST),))

    found = await replayed(steady, expecting)

    ((window,),) = (each.windows for each in found.replays)
    assert (window.spent, [each.at.day for each in window.steps]) == (1, [1])


async def test_a_replayed_forecast_learns_nothing_from_dates_with_costs_that_are_not_known() -> None:
    """Ten a day, and one where the rest has no price: from 28 days of ten a month comes to 310, from fewer to less."""
    whole = [used(10, f"2026-02-{day:02}T09") for day in range(1, 15)]
    partly = [used(1, f"2026-02-{day:02}T09", usage=tokens(1_000_000, 5)) for day in range(15, 29)]
    expecting = limit(amount="309", steps=(Step(Decimal(100), Action.BLOCK, Measure.FORECAST),))

    found = await replayed([*whole, *partly, used(10, "2026-03-01T09")], expecting)

    ((window,),) = (each.windows for each in found.replays)
    assert [each.at.day for each in window.steps] == [1]


async def test_a_replayed_forecast_takes_the_weeks_before_at_the_rate_of_the_month() -> None:
    """A dollar a day is half a euro in February and two in March, so that March comes to 62."""
    steady = [used(1, f"2026-02-{day:02}T09") for day in range(1, 29)] + [used(1, "2026-03-01T09")]
    step = Step(Decimal(100), Action.BLOCK, Measure.FORECAST)
    dearer = ExchangeRate("USD", "EUR", Decimal(2), "2026-03-15", "test")

    found = await replayed(steady, limit(amount="61", currency="EUR", steps=(step,)), rates=(EURO, dearer))

    ((window,),) = (each.windows for each in found.replays)
    assert [each.at.day for each in window.steps] == [1]
