"""Draws the rows of a view: bars by day or month where there is a time, bars by name otherwise.

A chart shows all that is asked for or is left out: bars of a part would look like the whole.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from chargeback.api.costs.names import DimensionName
from chargeback.api.costs.rows import CostPage, CostRowAnswer
from chargeback.domain.money.exact import total
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month, months_between
from chargeback.services.statements.draw_charts import Bar, by_day, by_name
from chargeback.services.statements.print_dates import short_day, short_month
from chargeback.services.statements.print_numbers import on_axis
from chargeback.web.pages.cost_view import CostView
from chargeback.web.pages.drill_down import value_of

_COLOURS = 6
_BARS = 10
_OTHERS = "all others"
_MOST_TIMES = 400
"""More bars than that cannot be told apart."""


class DrawnChart(NamedTuple):
    """A chart; `legend`: class of the style sheet → what has its colour, where there is more than one."""

    currency: str
    svg: str
    legend: Mapping[str, str]


def draw_costs(view: CostView, page: CostPage, totals: CostPage) -> list[DrawnChart]:
    """A chart for each currency, of what is known."""
    draw = _over_time if view.is_over_time else _by_name
    return [chart for each in totals.value if each.cost is not None for chart in draw(view, page, each)]


def _by_name(view: CostView, page: CostPage, whole: CostRowAnswer) -> Iterator[DrawnChart]:
    """The largest of the first page; by cost, they are the largest of all."""
    if view.all("cursor") or (view.one("orderBy") == "name" and page.total > len(page.value)):
        return
    rows = sorted(_known(page, whole.currency), key=_cost, reverse=True)
    shown = rows[: _BARS if len(rows) == _BARS else _BARS - 1]
    names = [DimensionName(each) for each in view.group_by if each != DimensionName.CURRENCY]
    bars = [
        Bar(" · ".join(value_of(row, name) or "none" for name in names) or "all", _cost(row), "c0") for row in shown
    ]
    left = Decimal(whole.cost or 0) - total(map(_cost, shown))
    if len(rows) > len(shown) or page.total > len(page.value):
        bars.append(Bar(_OTHERS, left, "others"))
    if bars:
        told = f"Costs in {whole.currency}: " + ", ".join(f"{each.name} {on_axis(float(each.value))}" for each in bars)
        yield DrawnChart(whole.currency, by_name(bars, on_axis, told), {})


def _over_time(view: CostView, page: CostPage, whole: CostRowAnswer) -> Iterator[DrawnChart]:
    """Stacked by the first dimension: its largest values, and all others together."""
    if view.all("cursor") or page.total > len(page.value):
        return
    rows = _known(page, whole.currency)
    times = _times(view, page)
    if len(times) > _MOST_TIMES:
        return
    name = next((DimensionName(each) for each in view.group_by if each != DimensionName.CURRENCY), None)
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        sums[value_of(row, name) or "none" if name else ""][_time(row)] += _cost(row)
    ranked = sorted(sums, key=lambda each: (-total(sums[each].values()), each))
    shown = ranked[: _COLOURS if len(ranked) <= _COLOURS else _COLOURS - 1]
    series = [(f"c{place}", [sums[each].get(time) for time in times]) for place, each in enumerate(shown)]
    legend = {f"c{place}": each for place, each in enumerate(shown) if name}
    if others := ranked[len(shown) :]:
        series.append(("others", [total(sums[each].get(time, Decimal(0)) for each in others) for time in times]))
        legend["others"] = f"{len(others)} others"
    told = f"Costs in {whole.currency} from {times[0]} to {times[-1]}" + (f" by {name}" if name else "")
    yield DrawnChart(whole.currency, by_day(_labels(times), series, on_axis, told), legend)


def _times(view: CostView, page: CostPage) -> list[str]:
    """Every day or month of the span, also those without costs."""
    first, last = date.fromisoformat(page.start_date), date.fromisoformat(page.end_date)
    if view.one("granularity") == "month":
        return [*months_between(Month(page.start_date[:7]), Month(page.end_date[:7]))]
    return [(first + timedelta(days=day)).isoformat() for day in range((last - first).days + 1)]


def _labels(times: Sequence[str]) -> list[str]:
    """The day alone within one month, a short date otherwise; few enough of them to be read."""
    if len(times[0]) == len("2026-03"):
        labels, most = [short_month(Month(time)) for time in times], 12
    elif len({time[:7] for time in times}) == 1:
        labels, most = [time[8:].lstrip("0") for time in times], 31
    else:
        labels, most = [short_day(BookDate(time)) for time in times], 12
    step = -(-len(labels) // most)
    return [label if place % step == 0 else "" for place, label in enumerate(labels)]


def _known(page: CostPage, currency: str) -> list[CostRowAnswer]:
    return [row for row in page.value if row.cost is not None and row.currency == currency]


def _cost(row: CostRowAnswer) -> Decimal:
    return Decimal(row.cost or 0)


def _time(row: CostRowAnswer) -> str:
    return str(row.date) if isinstance(row.date, str) else str(row.month)
