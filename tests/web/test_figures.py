"""Rows of the API as pages show them: nothing is lost, and what a page leaves out stands as one more row."""

from decimal import Decimal
from typing import Any

from chargeback.api.costs.rows import CostRowAnswer
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.web.figures import days_of, of_currency, shares_of, sum_of
from chargeback.web.rendering import link

FIRST, LAST = "2026-03-01", "2026-03-31"


def row(cost: str | None = "1", **of: Any) -> CostRowAnswer:
    sums = dict.fromkeys(("exact_cost", "list_cost", "contracted_cost"), cost)
    counts = dict.fromkeys(
        ("requests", "input_tokens", "output_tokens", "rows", "unpriced", "unsettled", "estimated"), 0
    )
    given = {"currency": "USD", "kind": "usage", "complete": True, "final": False, "as_of": None, "model": "gpt-4o"}
    return CostRowAnswer(cost=cost, state=PeriodState.OPEN, **sums | counts | given | of)


def test_what_a_breakdown_leaves_out_stands_as_one_more_row_with_the_rest_of_the_whole() -> None:
    whole = row("10.000001", requests=9, unpriced=2)

    shares = shares_of([row("6", requests=4), row("3", model="o3", requests=3, unpriced=1)], "model", whole)

    assert [(each.kind, each.label, each.cost, each.requests, each.unknown) for each in shares] == [
        ("usage", "gpt-4o", Decimal(6), 4, 0),
        ("usage", "o3", Decimal(3), 3, 1),
        ("rest", "", Decimal("1.000001"), 2, 1),
    ]


def test_a_breakdown_that_has_everything_has_no_others_beside_shared_costs_and_corrections() -> None:
    kinds = [row("9", kind="shared"), row("-1", kind="correction"), row("6")]

    shares = shares_of([row("6")], "model", row("14"), kinds)

    assert [(each.kind, each.label, each.cost) for each in shares] == [
        ("usage", "gpt-4o", Decimal(6)),
        ("shared", "", Decimal(9)),
        ("correction", "", Decimal(-1)),
    ]


def test_a_cost_that_nobody_knows_is_no_zero() -> None:
    assert sum_of(row(None, unpriced=1)).unknown == 1


def test_shared_costs_and_corrections_are_columns_of_their_own_beside_the_usage_that_is_drawn() -> None:
    rows = [
        row("2", date="2026-03-14"),
        row("1", date="2026-03-14", kind="shared", model=""),
        row("-1", date="2026-03-01", kind="correction", model=""),
    ]

    days = days_of(rows, "model", FIRST, LAST)

    assert [(each.kind, each.label, each.is_drawn) for each in days.columns] == [
        ("usage", "gpt-4o", True),
        ("shared", "", False),
        ("correction", "", False),
    ]
    assert [(each.name, each.sum.cost) for each in days.rows] == [("Sun 01", Decimal(-1)), ("Sat 14", Decimal(3))]
    assert days.sum.cost == 2
    assert 'aria-label="Bars: cost of the usage of 1 day, the most on Sat 14 Mar: 2.00 USD"' in days.chart


def test_a_chart_of_a_longer_span_names_its_months() -> None:
    days = days_of([row(date="2026-03-31"), row(date="2026-02-01")], "model", "2026-02-01", LAST)

    assert [each.name for each in days.rows] == ["Sun 01 Feb", "Tue 31 Mar"]
    assert ">1 Feb<" in days.chart


def test_amounts_of_one_currency_stay_apart_from_those_of_others() -> None:
    assert of_currency([row("1"), row("2", currency="EUR")], "EUR") == [row("2", currency="EUR")]


def test_a_span_without_figures_has_no_chart() -> None:
    days = days_of([], "model", FIRST, LAST)

    assert not days.rows
    assert not days.chart


def test_an_address_leaves_out_what_has_no_value_and_escapes_the_rest() -> None:
    assert link("/explore", {"month": "2026-03", "model": ""}, month="2026-02", user="a&b /c") == (
        "/explore?month=2026-02&user=a%26b%20%2Fc"
    )
    assert link("/explore", month=None) == "/explore"
