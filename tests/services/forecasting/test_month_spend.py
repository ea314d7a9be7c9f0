"""The month's spend of each cost centre, from the summaries of its days."""

from asyncio import run
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chargeback.adapters.memory.stores import MemoryBooks
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import BooksSetting, Calendar
from chargeback.services.forecasting.month_spend import MonthSpend, month_spend

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
CALENDAR = Calendar()
TERMS = Terms()


def summary(day: str, currency: str = "USD", **costs: str) -> dict[str, Any]:
    centres = {name.replace("_", "/"): {"cost": cost, "dates": {day: cost}} for name, cost in costs.items()}
    return {"day": day, "currencies": [currency], "costCentres": centres}


async def books_with(*summaries: dict[str, Any]) -> MemoryBooks:
    books = MemoryBooks()
    for document in summaries:
        await books.put_summary(document["day"], document, None)
    return books


async def spend_of(*summaries: dict[str, Any]) -> list[MonthSpend]:
    return await month_spend(await books_with(*summaries), CALENDAR, TERMS, NOW)


def test_the_days_of_the_month_are_added_up_exactly_for_each_cost_centre() -> None:
    found = run(
        spend_of(
            summary("2026-11-01", research="0.1", product_search="5"),
            summary("2026-11-03", research="0.2"),
        )
    )

    assert found == [
        MonthSpend("2026-11", "product/search", "USD", Decimal("5")),
        MonthSpend("2026-11", "research", "USD", Decimal("0.3")),
    ]


def test_other_months_and_days_to_come_do_not_count() -> None:
    found = run(spend_of(summary("2026-10-31", research="7"), summary("2026-11-04", research="9")))

    assert found == []


def test_costs_of_two_currencies_are_said_to_be_mixed() -> None:
    found = run(spend_of(summary("2026-11-01", research="1"), summary("2026-11-02", "EUR", research="1")))

    assert [spend.currency for spend in found] == ["EUR+USD"]


def test_a_day_that_touches_two_months_of_the_books_counts_for_each_what_is_its_own() -> None:
    edge = summary("2026-10-31", research="3")
    edge["costCentres"]["research"]["dates"] = {"2026-10-31": "1", "2026-11-01": "2"}

    (found,) = run(spend_of(edge, summary("2026-11-02", research="10")))

    assert found.cost == Decimal(12)


def test_spend_is_said_in_the_currency_of_the_books() -> None:
    calendar = Calendar((BooksSetting("2026-01", "Europe/Berlin", "EUR"),))
    terms = Terms(exchange_rates=[ExchangeRate("USD", "EUR", Decimal("0.92"), "2026-10-31", "ECB")])

    async def work(terms: Terms) -> list[MonthSpend]:
        return await month_spend(await books_with(summary("2026-11-01", research="50")), calendar, terms, NOW)

    assert run(work(terms)) == [MonthSpend("2026-11", "research", "EUR", Decimal("46.00"))]
    assert run(work(Terms())) == [MonthSpend("2026-11", "research", "USD", Decimal(50))]
