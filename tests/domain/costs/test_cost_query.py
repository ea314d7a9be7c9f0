"""A question is checked before anything is read, and everything that is wrong with it is said at once."""

from typing import Any

import pytest

from chargeback.domain.costs.cost_query import CostQuery, cost_query
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.errors import InvalidQuery
from chargeback.domain.time.days import BookDate

FIRST, LAST = BookDate("2026-03-01"), BookDate("2026-04-30")


def test_a_question_touches_the_months_of_its_dates() -> None:
    assert CostQuery(BookDate("2026-02-28"), BookDate("2026-04-01")).months == ["2026-02", "2026-03", "2026-04"]


@pytest.mark.parametrize(
    ("first", "last", "fault"),
    [
        ("2026-3-1", LAST, "first: '2026-3-1' is not a date such as 2026-03-31"),
        ("2026-02-30", LAST, "first: '2026-02-30' is not a date"),
        ("20260301", LAST, "first: '20260301' is not a date"),
        (FIRST, "0001-01-01", "last: 0001-01-01 is not between 1970 and 2199"),
        (LAST, FIRST, "last: 2026-03-01 lies before 2026-04-30"),
        (FIRST, "2036-03-01", "last: 3654 days are too many: ask for 1100 at most"),
    ],
)
def test_a_span_has_two_dates_in_order(first: str, last: str, fault: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        CostQuery(BookDate(first), BookDate(last))

    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"group_by": tuple(Dimension)[:5]}, "group_by"),
        ({"group_by": (Dimension.MODEL, Dimension.MODEL)}, "group_by"),
        ({"levels": -1}, "levels"),
        ({"filters": {Dimension.MODEL: ()}}, "model"),
        ({"filters": {Dimension.MODEL: tuple(map(str, range(101)))}}, "model"),
        ({"filters": {Dimension.MODEL: ("m" * 401,)}}, "model"),
        ({"filters": {Dimension.STATE: ("guessed",)}}, "state"),
        ({"filters": {Dimension.KIND: ("tax",)}}, "kind"),
    ],
)
def test_a_question_names_known_values_and_few_of_them(fields: dict[str, Any], part: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        CostQuery(FIRST, LAST, **fields)

    assert list(refused.value.faults) == [part]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidQuery) as refused:
        CostQuery(BookDate("soon"), LAST, {Dimension.MODEL: ()}, levels=99)

    assert list(refused.value.faults) == ["first", "levels", "model"]


def test_a_name_that_is_no_dimension_is_refused_with_the_names_that_are() -> None:
    with pytest.raises(InvalidQuery, match="colour: is not a dimension: these are cost_centre, application"):
        cost_query(FIRST, LAST, {"colour": ["red"]}, ["model"])


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        ("2025-12-31", "2026-01-01", ["2025-12", "2026-01"]),
        ("2026-02-28", "2026-02-28", ["2026-02"]),
        ("2025-11-30", "2026-02-01", ["2025-11", "2025-12", "2026-01", "2026-02"]),
        ("1970-01-01", "1970-01-01", ["1970-01"]),
    ],
)
def test_the_months_of_a_span_cross_years_and_are_those_of_its_dates(first: str, last: str, months: list[str]) -> None:
    assert CostQuery(BookDate(first), BookDate(last)).months == months
