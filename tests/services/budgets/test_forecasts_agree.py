"""A monthly budget and the forecast of the month of its cost centre say the same, and differ only where it is meant."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.budgets.budget import Budget, Rollover
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.outlook.forecast import Estimate
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.days import days_between, shifted
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.budgets.forecasts import Forecasts
from chargeback.services.budgets.outlooks import BudgetOutlooks
from chargeback.services.budgets.spend import BudgetSpend
from chargeback.services.budgets.states import BudgetStates
from chargeback.services.forecasting.look_ahead import outlooks
from chargeback.services.forecasting.spend_history import read_until, viewpoint
from tests.services.budgets.test_states import Kept, states_over
from tests.support.budgets import budget, monthly
from tests.support.builders import DAY, NOW, tokens, usage_event
from tests.support.catalogues import START, catalogue, dated
from tests.support.examples import few
from tests.support.product_in_memory import ProductInMemory, in_memory
from tests.support.spending import Spent, books_of, daily

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
LIMIT = monthly("research", "1600", 100)
UNSTEADY = [str(value) for value in [80, 120, 100, 140, 60, 30, 10, 120, 60, 140, 90, 110, 10, 30] * 3]
WEEKS = daily("2026-02-02", UNSTEADY)

Outlook = tuple[Estimate | None, Sequence[str | None]]
"""What a month is expected to end with, and when the limit is used up: since, expected, earliest, latest."""


async def of_month(books: MemoryBooks, terms: Terms, limit: Budget, today: str = "2026-03-16") -> Outlook:
    """What the forecast of the month says."""
    view = viewpoint(today)
    (found,) = await outlooks(await read_until(books, view), view, [limit], terms)
    reach = found.run_out
    assert reach is not None
    return found.forecast.total, [reach.reached, reach.expected, reach.earliest, reach.latest]


async def of_budget(states: BudgetStates, limit: Budget, now: datetime = NOON) -> Outlook:
    """What the budget says."""
    evaluated = [each for each in (await states.evaluate(now)).states if each.budget == limit]
    found = (await BudgetOutlooks(states).find(evaluated, now, wait=True))[limit.id]
    dates = (found.reached, found.expected, found.earliest, found.latest)
    return found.estimate, [each and each.isoformat() for each in dates]


async def both(spent: Sequence[Spent], terms: Terms | None = None, limit: Budget = LIMIT) -> tuple[Outlook, Outlook]:
    books, terms = await books_of(spent), terms or Terms(budgets=[limit])
    month, budgeted = await of_month(books, terms, limit), await of_budget(states_over(books, terms), limit)
    assert month[0] is not None
    return month, budgeted


@pytest.mark.parametrize(
    "more",
    [
        [],
        [Spent("2026-03-10", {9: "70"}, app="app-2", is_priced=False)],
        [Spent("2026-03-10", {9: "70"}, app="app-2", is_priced=False, date="2026-03-11")],
        [Spent(day, {9: "70"}, app="app-2", is_priced=False) for day in days_between("2026-03-02", "2026-03-15")],
        [Spent("2026-03-15", {9: "0"}, app="app-2", waiting=3)],
        [Spent("2026-03-16", {9: "0"}, app="app-2", waiting=3), Spent("2026-03-16", {9: "70"})],
        [Spent("2026-03-10", {9: "70"}, app="app-2", centre="research/labs", is_priced=False)],
    ],
    ids=["none", "unpriced", "on-its-date", "many", "unsettled", "today", "below"],
)
async def test_both_expect_the_same_from_the_same_books(more: list[Spent]) -> None:
    month, budgeted = await both([*WEEKS, *more])

    assert month == budgeted


async def test_costs_that_are_not_known_are_filled_in_and_no_sign_of_little_spend() -> None:
    """Half of two weeks has no price yet: what is still to come is expected to be as if it had one."""
    steady = daily("2026-02-02", ["100"] * 42)
    halves = [
        half
        for each in steady
        for half in (
            [replace(each, hours={9: "50"}), replace(each, hours={9: "50"}, app="app-2", is_priced=False)]
            if each.day >= "2026-03-02"
            else [each]
        )
    ]

    (before, _), (whole, _) = await both(steady)
    (month, _), (budgeted, _) = await both(halves)

    assert whole == before
    assert month == budgeted
    assert whole is not None
    assert budgeted is not None
    assert whole.expected - budgeted.expected == 50 * 14


async def test_costs_of_others_that_are_not_known_change_nothing() -> None:
    others = [Spent(f"2026-03-{day:02}", {9: "7"}, centre="product", is_priced=False) for day in range(2, 16)]

    assert await both([*WEEKS, *others]) == await both(WEEKS)


async def test_both_look_back_equally_far_whatever_other_budgets_need() -> None:
    """Spend of the year before is no habit any more, though a budget that carries is told of it."""
    began = Effective(datetime(2025, 6, 1, tzinfo=UTC), None)
    carrying = budget("all", rollover=Rollover(unspent=True), effective=began)
    long_ago = Spent("2025-12-01", {9: "500"})

    month, budgeted = await both([long_ago, *WEEKS], Terms(budgets=[carrying, LIMIT]))

    assert month == budgeted == (await both(WEEKS))[0]


async def test_both_expect_the_coming_days_at_the_rate_of_the_month() -> None:
    rates = [
        ExchangeRate("USD", "EUR", Decimal("0.5"), "2026-01-31", "test"),
        ExchangeRate("USD", "EUR", Decimal("0.9"), "2026-03-01", "test"),
    ]
    limit = monthly("research", "1600", 100, currency="EUR")

    month, budgeted = await both(WEEKS, Terms(budgets=[limit], exchange_rates=rates), limit)

    assert month == budgeted


@settings(max_examples=few(15))
@given(st.lists(st.integers(0, 200), min_size=16, max_size=50), st.integers(0, 300), st.integers(100, 6_000))
async def test_both_name_the_same_dates_however_much_is_spent_today(past: list[int], today: int, amount: int) -> None:
    spent = daily(shifted("2026-03-16", -len(past)), [*map(str, past), str(today)])
    limit = monthly("research", amount, 100)
    books, terms = await books_of(spent), Terms(budgets=[limit])

    total, dates = await of_month(books, terms, limit)

    assert (total, dates) == await of_budget(states_over(books, terms), limit)
    if total is not None and abs(total.expected - amount) > Decimal("0.01"):
        assert (total.expected > amount) == bool(dates[0] or dates[1])


class Product:
    """The product in memory with four weeks of calls, in books of Auckland (UTC+13); output has no price at first."""

    def __init__(self) -> None:
        self.of: ProductInMemory = in_memory(self.card())
        self.limit = monthly("product", "1600", 100)
        self.of.catalogues.settled_by = Terms(budgets=[self.limit])

        async def no_posting(_: str) -> None:
            pass

        spend = BudgetSpend(self.of.books, self.of.counter, no_posting, open_seconds=0, closed_seconds=0)
        self.states = BudgetStates(self.of.catalogues, spend, Kept(), Forecasts(seconds=60))

    @staticmethod
    def card(*output: str) -> Catalogue:
        return catalogue(
            dated(Meter.INPUT, (START, "1")),
            *(dated(Meter.OUTPUT, (START, price)) for price in output),
            rules=(Rule("search", {"subscription": "search"}, "product/search"),),
            account="oai-swedencentral",
            calendar=Calendar((BooksSetting(Month("2020-01"), "Pacific/Auckland", "USD"),)),
        )

    async def use(self, *events: bytes) -> None:
        await self.of.ingest.ingest(list(events), NOW)

    async def post(self) -> None:
        await self.of.auditor.audit(NOW)
        await self.of.poster.post(NOW)

    async def month(self) -> Outlook:
        today = self.of.catalogues.catalogue.calendar.date_of(NOW)
        return await of_month(self.of.books, self.of.catalogues.settled_by, self.limit, today)

    async def budget(self) -> Outlook:
        return await of_budget(self.states, self.limit, NOW)


def used(dollars: int, day: str, hour: int = 9, **fields: object) -> bytes:
    return usage_event(**{"time": f"{day}T{hour:02}:00:00Z", "usage": tokens(dollars * 1_000_000, 0)} | fields)


@pytest.fixture
async def product() -> Product:
    found = Product()
    dollars = [80, 100, 120, 90, 70, 20, 10, 60, 110, 130, 70, 80, 10, 20, 90, 90, 100, 120, 60, 20, 10, 70, 120, 110]
    dollars += [100, 80, 10, 20]
    days = days_between("2026-02-20", "2026-03-19")
    await found.use(*(used(spent, day, hour) for spent, day in zip(dollars, days, strict=True) for hour in (9, 13)))
    await found.post()
    return found


async def test_both_agree_over_a_posting_of_usage_without_a_price_and_once_it_has_one(product: Product) -> None:
    """The models of budgets are kept for a date, and made again when a day that they rest on gets its price."""
    found = [(await product.month(), await product.budget())]
    await product.use(used(1, "2026-03-17", 13, usage=tokens(0, 50_000_000)), used(30, DAY, 11))
    await product.post()
    found.append((await product.month(), await product.budget()))
    product.of.catalogues.catalogue = product.card("2")
    await product.post()
    found.append((await product.month(), await product.budget()))

    assert all(month == budgeted for month, budgeted in found)
    assert len({month[0] for month, _ in found}) == 3


async def test_a_call_that_waits_counts_for_the_budget_alone_and_is_nothing_to_learn_from(product: Product) -> None:
    """A dollar by an estimate, on the day before the current one; then it turns out to be five."""
    waiting = used(0, DAY, 9, id="s", type="pending", usage=None, requestCharacters=4_000_000)
    await product.use(waiting)
    await product.post()
    (month, _), (budgeted, _) = await product.month(), await product.budget()
    await product.use(used(5, DAY, 9, id="s/settled", type="settled"))
    await product.post()

    assert month is not None
    assert budgeted is not None
    assert budgeted.expected - month.expected == 1
    assert await product.month() == await product.budget()


async def test_what_is_counted_and_not_posted_yet_counts_for_the_budget_alone(product: Product) -> None:
    """Today's usage, more than any day had."""
    (month, _) = await product.month()
    await product.use(used(400, DAY, 11))

    (budgeted, _), (still, _) = await product.budget(), await product.month()
    await product.post()

    assert month is not None
    assert budgeted is not None
    assert still == month
    assert budgeted.expected > month.expected
    assert await product.month() == await product.budget()
