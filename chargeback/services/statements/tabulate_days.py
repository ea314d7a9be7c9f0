"""Tabulates and draws the cost of each day: the largest items by themselves, the others together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from chargeback.domain.money.exact import total
from chargeback.domain.reports.figures import DayCost
from chargeback.domain.time.days import BookDate
from chargeback.services.statements.draw_charts import by_day
from chargeback.services.statements.print_dates import day_of_month, day_of_year, short_day
from chargeback.services.statements.print_numbers import on_axis

_OWN_COLUMNS = 5
_MOST_WITH_MONTHS = 16
_DRAWN = ("usage", "others")


@dataclass(frozen=True, slots=True)
class Sum:
    """The cost of some things together; `unknown`: rows whose cost is not known yet."""

    cost: Decimal
    requests: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table, and a class of the style sheet for its colour in the chart.

    Attributes:
        kind: usage, others (several things together), shared or correction.
        label: what it is; empty for usage that does not say and for the other kinds.
        members: how many things are summed.
        days: by date; a date without anything is absent.
    """

    kind: str
    label: str
    members: int
    colour: str
    days: dict[BookDate, Sum]
    sum: Sum

    @property
    def is_drawn(self) -> bool:
        """Whether the chart has it: it is of usage alone."""
        return self.kind in _DRAWN


@dataclass(frozen=True, slots=True)
class Day:
    """A row, with the date, what it is called, and all columns together."""

    date: BookDate
    name: str
    sum: Sum


@dataclass(frozen=True, slots=True)
class DayTable:
    """The table, and its chart as SVG; there is none where no usage has a cost."""

    columns: Sequence[Column]
    rows: Sequence[Day]
    sum: Sum
    chart: str


def tabulate_days(dates: Sequence[BookDate], days: Sequence[DayCost], told: str) -> DayTable:
    """The days of a span with something on them, by the things that cost most.

    The chart is of usage alone, not of shared costs or corrections; `told` says what it shows.
    """
    is_one_month = dates[0][:7] == dates[-1][:7]
    things: dict[tuple[str, str], list[DayCost]] = defaultdict(list)
    for day in days:
        things[day.kind, day.label if day.kind == "usage" else ""].append(day)
    usage = sorted(
        ((label, found) for (kind, label), found in things.items() if kind == "usage"),
        key=lambda item: (-_sum(item[1]).cost, item[0]),
    )
    kept = len(usage) if len(usage) <= _OWN_COLUMNS + 1 else _OWN_COLUMNS
    columns = [_column("usage", label, 1, f"c{index}", found) for index, (label, found) in enumerate(usage[:kept])]
    if others := usage[kept:]:
        columns.append(_column("others", "", len(others), "others", [day for _, found in others for day in found]))
    chart = _chart(dates, columns, told)
    columns += [_column(kind, "", 1, kind, found) for (kind, _), found in things.items() if kind != "usage"]
    rows = [
        Day(each, day_of_month(each) if is_one_month else day_of_year(each), whole)
        for each, whole in sorted(_column("", "", 1, "", days).days.items())
    ]
    return DayTable(columns, rows, _sum(days), chart)


def _sum(days: Sequence[DayCost]) -> Sum:
    return Sum(total([day.cost for day in days]), sum(day.requests for day in days), sum(day.unknown for day in days))


def _column(kind: str, label: str, members: int, colour: str, found: Sequence[DayCost]) -> Column:
    by_date: dict[BookDate, list[DayCost]] = defaultdict(list)
    for day in found:
        by_date[day.date].append(day)
    return Column(kind, label, members, colour, {each: _sum(of) for each, of in by_date.items()}, _sum(found))


def _chart(dates: Sequence[BookDate], columns: Sequence[Column], told: str) -> str:
    if not any(each.cost for column in columns for each in column.days.values()):
        return ""
    series = [
        (column.colour, [column.days[each].cost or None if each in column.days else None for each in dates])
        for column in columns
    ]
    return by_day(_labels(dates), series, on_axis, told)


def _labels(dates: Sequence[BookDate]) -> list[str]:
    """What stands below the bars: the days of a month, or some dates of a longer span."""
    if dates[0][:7] == dates[-1][:7]:
        return [str(int(each[8:])) for each in dates]
    step = -(-len(dates) // _MOST_WITH_MONTHS)
    return ["" if number % step else short_day(each) for number, each in enumerate(dates)]
