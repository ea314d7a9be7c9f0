"""Arranges rows of the API as pages show them: costs by day with their chart, and costs by name with their shares."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from chargeback.api.costs.rows import CostRowAnswer
from chargeback.domain.money.exact import EXACT, total
from chargeback.domain.money.numerals import said_amount
from chargeback.domain.reports.figures import DayCost, Share
from chargeback.domain.time.days import BookDate
from chargeback.services.statements.print_dates import day_of_year
from chargeback.services.statements.tabulate_days import DayTable, Sum, tabulate_days


def sum_of(row: CostRowAnswer) -> Sum:
    """What a row says, with how many of its published rows have no cost yet."""
    return Sum(Decimal(row.cost or 0), row.requests, row.unpriced + row.unsettled)


def of_currency(rows: Sequence[CostRowAnswer], currency: str) -> list[CostRowAnswer]:
    """The rows of one currency: those of several are never added."""
    return [each for each in rows if each.currency == currency]


def days_of(rows: Sequence[CostRowAnswer], by: str, first: str, last: str) -> DayTable:
    """The days of a span in one currency, from a series by day, by `kind` and by one dimension, which `by` names."""
    dates = [
        BookDate((date.fromisoformat(first) + timedelta(days=day)).isoformat())
        for day in range((date.fromisoformat(last) - date.fromisoformat(first)).days + 1)
    ]
    days = [DayCost(BookDate(str(row.date)), str(row.kind), _value(row, by), *_figures(row)) for row in rows]
    return tabulate_days(dates, days, _finding(rows, [each for each in days if each.kind == "usage"]))


def shares_of(
    rows: Sequence[CostRowAnswer], by: str, whole: CostRowAnswer, kinds: Sequence[CostRowAnswer] = ()
) -> list[Share]:
    """What each name costs, the most expensive first, and all that `rows` leave out of `whole` as one more.

    The rows are of one currency, from a breakdown by one dimension, which `by` names. Where they are of usage alone,
    `kinds` has the sums of shared costs and corrections, from a breakdown by kind.
    """
    shares = [Share("usage", _value(row, by), 1, *_figures(row)) for row in rows]
    shares += [Share(str(row.kind), "", 1, *_figures(row)) for row in kinds if row.kind != "usage"]
    found, all_of_it = _added(shares), sum_of(whole)
    rest = Share(
        "rest",
        "",
        0,
        EXACT.subtract(all_of_it.cost, found.cost),
        all_of_it.requests - found.requests,
        all_of_it.unknown - found.unknown,
    )
    return [*shares, *([rest] if rest.cost or rest.requests or rest.unknown else [])]


def _value(row: CostRowAnswer, by: str) -> str:
    value = getattr(row, by)
    assert isinstance(value, str)
    return value


def _figures(row: CostRowAnswer) -> tuple[Decimal, int, int]:
    of = sum_of(row)
    return of.cost, of.requests, of.unknown


def _added(shares: Sequence[Share]) -> Sum:
    return Sum(
        total([each.cost for each in shares]),
        sum(each.requests for each in shares),
        sum(each.unknown for each in shares),
    )


def _finding(rows: Sequence[CostRowAnswer], days: Sequence[DayCost]) -> str:
    """What a chart of days shows, for somebody who does not see it."""
    by_date: dict[BookDate, Decimal] = {}
    for day in days:
        by_date[day.date] = EXACT.add(by_date.get(day.date, Decimal(0)), day.cost)
    if not by_date:
        return "Bars: no usage has a cost"
    most = max(by_date, key=lambda each: by_date[each])
    currency = rows[0].currency
    amount = said_amount(by_date[most], currency)
    count = sum(cost > 0 for cost in by_date.values())
    days_with_costs = f"{count} {'day' if count == 1 else 'days'}"
    return f"Bars: cost of the usage of {days_with_costs}, the most on {day_of_year(most)}: {amount}"
