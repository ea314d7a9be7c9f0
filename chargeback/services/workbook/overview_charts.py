"""The two charts of the first sheet, and the columns beside the printed page that they are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from chargeback.domain.money.exact import ZERO
from chargeback.domain.time.months import dates_of
from chargeback.services.workbook.month_figures import MonthFigures

FIRST_COLUMN = 7
LAST_COLUMN = 12
"""The charts lie over these columns, each of which is so wide:"""
COLUMN_WIDTH = 11

DATA_COLUMN = LAST_COLUMN + 2
MOST_BARS = 8

_INK, _SECOND = "#1F3A5F", "#E07B39"
_SIZE = {"width": 490, "height": 300}
_NAME_LETTERS = 28


@dataclass(frozen=True, slots=True)
class ChartValues:
    """What the charts show.

    Attributes:
        days: date, usage and shared costs of each day of the month; none where nothing is charged at all.
        centres: path and cost of the costliest cost centres, each by itself.
    """

    days: Sequence[tuple[str, Decimal, Decimal]]
    centres: Sequence[tuple[str, Decimal]]


def chart_values(of: MonthFigures) -> ChartValues:
    """The values of both charts."""
    spent = {day: (usage or ZERO, shared or ZERO) for day, usage, shared, *_ in of.days if usage or shared}
    days = [(day, *spent.get(day, (ZERO, ZERO))) for day in dates_of(of.frame.period)] if spent else []
    charged = (each for each in of.totals.values() if each.headline > 0)
    largest = sorted(charged, key=lambda each: (-each.headline, each.path))[:MOST_BARS]
    return ChartValues(days, [(_shortened(each.path), each.headline) for each in largest])


def add_charts(
    book: Workbook, page: Worksheet, tab: str, values: ChartValues, *, top: int, currency: str, axis: str
) -> None:
    """Put both charts beside the figures of the page with this tab, from the row `top` on.

    `axis` is the form of their numbers.
    """
    first = DATA_COLUMN
    if values.days:
        chart: Any = book.add_chart({"type": "column", "subtype": "stacked"})
        for column, name, colour in ((1, "Usage", _INK), (2, "Shared costs", _SECOND)):
            if any(each[column] for each in values.days):
                series = _series(tab, (first, first + column), top, len(values.days), colour)
                chart.add_series(series | {"name": name, "gap": 40})
        _finish(chart, f"Cost by day ({currency})", axis)
        chart.set_x_axis({"date_axis": True, "num_format": "d", "num_font": {"size": 8}, "major_unit": 2})
        chart.set_legend({"position": "bottom", "font": {"size": 8}})
        page.insert_chart(top, FIRST_COLUMN, chart, {"description": "Bars: what each day of the month costs"})
    if values.centres:
        chart = book.add_chart({"type": "bar"})
        labels = {"value": True, "num_format": axis, "font": {"size": 8}}
        series = _series(tab, (first + 4, first + 5), top, len(values.centres), _INK)
        chart.add_series(series | {"gap": 40, "data_labels": labels})
        _finish(chart, f"The costliest cost centres, each by itself ({currency})", axis)
        chart.set_y_axis({"reverse": True, "num_font": {"size": 8}})
        chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}})
        chart.set_legend({"none": True})
        below = {"description": "Bars: the costliest cost centres, each without those below it", "y_offset": 10}
        page.insert_chart(top + 16, FIRST_COLUMN, chart, below)


def _series(tab: str, columns: tuple[int, int], top: int, lines: int, colour: str) -> dict[str, Any]:
    names, values = columns
    last = top + lines
    return {
        "categories": [tab, top + 1, names, last, names],
        "values": [tab, top + 1, values, last, values],
        "fill": {"color": colour},
        "border": {"none": True},
    }


def _finish(chart: Any, title: str, axis: str) -> None:
    chart.set_title({"name": title, "name_font": {"size": 10, "bold": True, "color": _INK}, "overlay": False})
    chart.set_y_axis(
        {
            "num_format": axis,
            "num_font": {"size": 8},
            "major_gridlines": {"visible": True, "line": {"color": "#D9DEE4"}},
        }
    )
    chart.set_size(_SIZE)
    chart.set_chartarea({"border": {"none": True}})


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_LETTERS else f"…{name[-_NAME_LETTERS + 1 :]}"
