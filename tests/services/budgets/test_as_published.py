"""Once all is posted, budgets have spent what publishing charges for usage: in the currency and dates of the books."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.cost_centres.rules import Rule
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.services.budgets.forecasts import Forecasts
from chargeback.services.budgets.spend import BudgetSpend
from chargeback.services.budgets.states import BudgetStates
from tests.support.budgets import budget
from tests.support.builders import NOW, tokens
from tests.support.catalogues import START, catalogue, dated
from tests.support.product_in_memory import ProductInMemory, in_memory
from tests.support.published_files import PERIOD
from tests.support.published_product import PublishedProduct, call

pytestmark = pytest.mark.anyio

LIMITS = {
    "cost-centre:product": "cost_centre = 'product' OR starts_with(cost_centre, 'product/')",
    "cost-centre:research": "cost_centre = 'research'",
    "subscription:support": "subscription_id = 'support'",
    "user:ann": "\"user\" = 'ann'",
    "model:gpt-4o": "model = 'gpt-4o-2024-11-20'",
    "all": "true",
}
"""Budget → its rows among the published ones."""

TIMES = ("2026-02-28T10:00:00Z", "2026-02-28T11:00:00Z", "2026-03-09T00:00:00Z", "2026-03-20T10:00:00Z")
"""In Auckland the first of them is in February still."""


def product() -> ProductInMemory:
    """Prices in USD, books in EUR and in Auckland."""
    found = in_memory(
        catalogue(
            dated(Meter.INPUT, (START, "2.75")),
            dated(Meter.OUTPUT, (START, "11")),
            rules=(
                Rule("of search", {"subscription": "search"}, "product/search"),
                Rule("of voice", {"subscription": "support", "billingCode": "VOICE"}, "research"),
            ),
            calendar=Calendar((BooksSetting(Month("2020-01"), "Pacific/Auckland", "EUR"),)),
        )
    )
    rate = ExchangeRate("USD", "EUR", Decimal("0.8731"), "2026-02-01", "test")
    found.catalogues.settled_by = Terms(exchange_rates=[rate], budgets=[_in_euros(each) for each in LIMITS])
    return found


def _in_euros(scope: str) -> Budget:
    return replace(budget(scope), currency="EUR")


async def spent(of: ProductInMemory) -> dict[str, Decimal]:
    """Budget → what it spent."""

    async def post(day: str) -> None:
        raise AssertionError(day)

    class NoOverrides:
        async def all(self) -> tuple[()]:
            return ()

    spend = BudgetSpend(of.books, of.counter, post)
    evaluation = await BudgetStates(of.catalogues, spend, NoOverrides(), Forecasts()).evaluate(NOW)
    assert evaluation.unknown == {}
    return {state.budget.id: state.spend.known for state in evaluation.states}


async def test_budgets_have_spent_what_is_published_as_usage(tmp_path: Path) -> None:
    published_product = PublishedProduct(product())
    callers = [
        {"username": "ann"},
        {"subscriptionId": "support"},
        {"subscriptionId": "support", "billingCode": "VOICE"},
    ]
    events = [
        call(time=time, usage=tokens(1_000_003 * number, 7), **caller)
        for number, caller in enumerate(callers, 1)
        for time in TIMES
    ]
    await published_product.ingest(*events, events[0])
    await published_product.in_memory.auditor.audit(NOW)
    before = await spent(published_product.in_memory)

    await published_product.publish()

    rows = tmp_path / "rows.parquet"
    rows.write_bytes(published_product.reports.files[f"{PERIOD}/charges-{PERIOD}.parquet"])
    with duckdb.connect() as engine:
        published = {
            limit: engine.execute(
                f"SELECT sum(exact_cost) FROM '{rows}' WHERE kind = 'usage' AND ({condition})"
            ).fetchall()[0][0]
            for limit, condition in LIMITS.items()
        }
    assert await spent(published_product.in_memory) == published == before
    assert all(published.values())
