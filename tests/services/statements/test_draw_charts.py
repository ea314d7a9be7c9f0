"""The SVG of charts: where bars stand and how high they are, and which amounts stand beside them."""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element, fromstring

import pytest

from chargeback.services.statements.draw_charts import Bar, by_day, by_name
from chargeback.services.statements.print_numbers import on_axis


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def boxes(chart: Element, colour: str) -> list[Box]:
    return [
        Box(*(float(rect.attrib[name]) for name in Box._fields))
        for rect in chart.iterfind(f".//g[@class='{colour}']/rect")
    ]


def words(chart: Element, axis: str) -> list[str]:
    return [text.text or "" for text in chart.iterfind(f".//g[@class='axis {axis}']/text")]


def days(*series: tuple[str, list[Decimal | None]]) -> Element:
    return fromstring(by_day(["1", "2"], series, on_axis, "told"))


def names(*bars: Bar) -> Element:
    return fromstring(by_name(bars, on_axis, "told"))


def sizes(*amounts: str) -> list[Decimal | None]:
    return [Decimal(each) if each else None for each in amounts]


def test_bars_of_a_day_stand_on_each_other() -> None:
    chart = days(("c0", sizes("10", "5")), ("c1", sizes("20", "")))

    (low, alone), (high,) = boxes(chart, "c0"), boxes(chart, "c1")
    assert (high.x, high.width) == (low.x, low.width)
    assert high.y + high.height == pytest.approx(low.y, abs=0.15)
    assert high.height == pytest.approx(2 * low.height, abs=0.15)
    assert alone.height == pytest.approx(low.height / 2, abs=0.15)
    assert alone.x > low.x + low.width


def test_amounts_below_zero_hang_from_the_line_of_zero() -> None:
    chart = days(("c0", sizes("10", "")), ("c1", sizes("-4", "")), ("c2", sizes("-4", "")))

    zero = float(next(path.attrib["d"].split()[1].split("h")[0] for path in chart.iterfind(".//path[@class='zero']")))
    (above,), (first,), (second,) = (boxes(chart, colour) for colour in ("c0", "c1", "c2"))
    assert above.y + above.height == pytest.approx(zero, abs=0.15)
    assert first.y == pytest.approx(zero, abs=0.15)
    assert second.y == pytest.approx(first.y + first.height, abs=0.15)


def test_nothing_is_drawn_where_there_is_nothing() -> None:
    chart = days(("c0", sizes("", "0")))

    assert boxes(chart, "c0") == []
    assert words(chart, "y") == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_the_first_name_is_on_top_and_long_ones_keep_both_ends() -> None:
    chart = names(
        Bar("first", Decimal(3), "c0"), Bar("others", Decimal(1), "others"), Bar("x" * 30 + "end", Decimal(2), "c0")
    )

    (first, last), (others,) = boxes(chart, "c0"), boxes(chart, "others")
    assert first.y < others.y < last.y
    assert first.x == others.x == last.x
    assert first.width == pytest.approx(3 * others.width, abs=0.2)
    assert words(chart, "y") == ["first", "others", "xxxxxxxxxx…xxxxxxxxend"]


@pytest.mark.parametrize(
    ("most", "shown"),
    [("7", "0 2 4 6"), ("30", "0 5 10 15 20 25 30"), ("0.012", "0 0.002 0.004 0.006 0.008 0.01 0.012")],
)
def test_amounts_of_an_axis_are_round(most: str, shown: str) -> None:
    assert words(days(("c0", sizes(most))), "y") == shown.split()


@pytest.mark.parametrize("amount", ["1", "999999999", "0.0000012", "1e19"])
def test_amounts_below_bars_do_not_touch(amount: str) -> None:
    chart = names(Bar("a name that is as long as they get", Decimal(amount), "c0"))

    placed = list(_spans(chart))
    assert len(placed) >= 2
    assert all(one[1] < next_one[0] for one, next_one in pairwise(placed))


def _spans(chart: Element) -> Iterator[tuple[float, float]]:
    for text in chart.iterfind(".//g[@class='axis x']/text"):
        half = len(text.text or "") * 7.8 / 2
        yield float(text.attrib["x"]) - half, float(text.attrib["x"]) + half


def test_names_and_what_a_chart_tells_are_no_markup() -> None:
    drawn = by_name([Bar("<b>&", Decimal(1), "c0")], on_axis, '"><script>')

    chart = fromstring(drawn)
    assert words(chart, "y") == ["<b>&"]
    assert chart.attrib["aria-label"] == '"><script>'
    assert not re.search("<(b|script)", drawn)
