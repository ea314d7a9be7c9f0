"""Whatever is asked, by whomever: the answer is the sum of the printed rows that they may see, to the last digit."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings

from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_query import CostQuery, Granularity, Paging, RowOrder
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.time.days import BookDate
from tests.support.closing_product import ClosingProduct
from tests.support.cost_questions import questions, scopes
from tests.support.cost_views import EVERYTHING, YEAR, ViewedProduct, answered, printed_rows, sums_of
from tests.support.examples import few
from tests.support.many_dimensions import MONTHS

APRIL = CostQuery(BookDate("2026-04-01"), BookDate("2026-04-30"))


class Published:
    """A product, and the rows of all CSVs: the closed ones as they were filed, the open one as it was published."""

    def __init__(self, product: ClosingProduct, rows: Sequence[dict[str, str]]) -> None:
        self.product = product
        self.rows = rows

    def __repr__(self) -> str:  # a failure prints it
        return "published"


@pytest.fixture(scope="module")
def published(months: ClosingProduct) -> Published:
    files = months.reports.files | months.closed.files
    return Published(months, [row for month in MONTHS for row in printed_rows(files, month)])


def ask(published: Published, query: CostQuery, scope: RowScope, paging: Paging | None = None):  # type: ignore[no-untyped-def]
    viewed = ViewedProduct(published.product)
    try:
        return asyncio.run(viewed.reader.answer(query, scope, *([paging] if paging else [])))
    finally:
        viewed.reader.close()


@settings(max_examples=few(60))
@given(query=questions(), scope=scopes())
def test_an_answer_is_the_sum_of_the_printed_rows(published: Published, query: CostQuery, scope: RowScope) -> None:
    answer = ask(published, query, scope)

    assert answered(answer) == sums_of(published.rows, query, scope)
    assert answer.total == len(answer.rows)
    assert answer.is_complete


@settings(max_examples=few(10))
@given(query=questions(), scope=scopes())
def test_pages_together_are_the_whole_answer(published: Published, query: CostQuery, scope: RowScope) -> None:
    whole = ask(published, query, scope)

    size = max(1, len(whole.rows) // 3)
    pages = [ask(published, query, scope, Paging(offset, size)) for offset in range(0, len(whole.rows) + size, size)]

    assert [row for page in pages for row in page.rows] == list(whole.rows)
    assert {page.total for page in pages} == {whole.total}


@settings(max_examples=few(10))
@given(query=questions(), scope=scopes())
def test_open_usage_and_values_are_those_of_the_printed_rows(
    published: Published, query: CostQuery, scope: RowScope
) -> None:
    reader = ViewedProduct(published.product).reader
    by_state = CostQuery(query.first, query.last, query.filters, (Dimension.STATE, Dimension.METER))
    by_model = CostQuery(query.first, query.last, query.filters, (Dimension.MODEL,))
    states = {"unpriced", "unsettled", "estimated"}

    async def both():  # type: ignore[no-untyped-def]
        return await reader.open_usage(query, scope), await reader.values(query, Dimension.MODEL, scope)

    found, values = asyncio.run(both())
    reader.close()

    printed = sums_of([row for row in published.rows if row["quantity"] != "0"], by_state, scope)
    expected = {key[1:3] for key in printed if key[1] in states}
    assert {(row.state, row.meter) for row in found.rows} == expected
    assert list(values.values) == sorted({key[1] for key in sums_of(published.rows, by_model, scope)} - {""})


def test_what_costs_most_comes_first_and_what_is_not_known_last(published: Published) -> None:
    query = CostQuery(YEAR.first, YEAR.last, group_by=(Dimension.MODEL, Dimension.STATE), order=RowOrder.COST)

    costs = [row.cost for row in ask(published, query, EVERYTHING).rows]

    known = [cost for cost in costs if cost is not None]
    assert known == sorted(known, reverse=True)
    assert costs[len(known) :] == [None] * (len(costs) - len(known))
    assert len(costs) > len(known)


def test_a_cost_that_nobody_knows_yet_is_not_zero_and_says_why(published: Published) -> None:
    query = CostQuery(YEAR.first, YEAR.last, {Dimension.STATE: ("unpriced",)}, (Dimension.KIND,))

    found = ask(published, query, EVERYTHING).rows

    assert {(row.cost, row.exact_cost, row.is_complete) for row in found} == {(None, None, False)}
    assert all(row.unpriced == row.rows for row in found)


def test_amounts_in_two_currencies_are_never_added(published: Published) -> None:
    found = ask(published, APRIL, EVERYTHING).rows

    assert [row.currency for row in found] == ["EUR", "USD"]  # corrections of March are in dollars


def test_exact_list_and_contracted_costs_are_those_of_the_exact_rows(published: Published) -> None:
    (found,) = ask(published, CostQuery(YEAR.first, BookDate("2026-02-28")), EVERYTHING).rows

    of_february = [row for row in published.rows if row["billing_period"] == "2026-02"]
    assert found.list_cost == sum(Decimal(row["list_cost"]) for row in of_february if row["list_cost"])
    assert found.exact_cost != found.cost


def test_tokens_of_an_answer_are_those_of_its_meters(published: Published) -> None:
    (found,) = ask(published, CostQuery(YEAR.first, BookDate("2026-02-28")), EVERYTHING).rows

    quantities = [
        (row["meter"], Decimal(row["quantity"]))
        for row in published.rows
        if (row["billing_period"], row["unit"]) == ("2026-02", "tokens")
    ]
    assert found.input_tokens == sum(quantity for meter, quantity in quantities if "input" in meter)
    assert found.output_tokens == sum(quantity for meter, quantity in quantities if meter == "output_tokens")


def test_a_quantity_is_given_where_it_is_asked_by_meter(published: Published) -> None:
    by_meter = CostQuery(YEAR.first, BookDate("2026-02-28"), group_by=(Dimension.METER,))
    of_two = CostQuery(YEAR.first, BookDate("2026-02-28"), {Dimension.METER: ("requests", "output_tokens")})

    units = {row.dimensions[Dimension.METER]: row.unit for row in ask(published, by_meter, EVERYTHING).rows}
    (together,) = ask(published, of_two, EVERYTHING).rows

    assert units == {
        "cached_input_tokens": "tokens", "fee": "share", "input_tokens": "tokens", "output_tokens": "tokens",
        "requests": "requests",
    }  # fmt: skip
    assert (together.quantity, together.unit) == (None, "")


def test_a_row_of_a_month_says_how_far_that_month_is(published: Published) -> None:
    query = CostQuery(YEAR.first, YEAR.last, granularity=Granularity.MONTH)

    finals = {row.month: row.standing.final for row in ask(published, query, EVERYTHING).rows}

    assert finals == {"2026-02": True, "2026-03": True, "2026-04": False}
