"""Draws the charts of a page as SVG: bars by day and bars by name, by pygal without scripts, ids or dates.

What pygal needs for its own scripts and style sheets is taken out by a filter of its own: the page's style sheet gives
colours by the classes that remain, so that one sheet serves all charts. Positions are floats; every amount that a
reader relies on is in the tables beside the charts.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from pygal.graph.horizontalstackedbar import HorizontalStackedBar
from pygal.graph.stackedbar import StackedBar
from pygal.style import Style

_WIDTH = 900
_ROW = 26
_FONT = 13
_STYLE = Style(font_family="sans-serif", label_font_size=_FONT, major_label_font_size=_FONT)
_NAME_LETTERS = 22
_KEPT = {"viewBox", "class", "x", "y", "width", "height", "d", "transform"}
_DROPPED = {"defs", "desc", "title"}
_LONG_NUMBER = re.compile(r"(\d+\.\d)\d+")
_NOISE = {"rect reactive tooltip-trigger", ""}

Series = tuple[str, Sequence[Decimal | None]]
"""A class of the style sheet, which gives the colour, and a value for each label."""


class Bar(NamedTuple):
    """A bar with its name, and a class of the style sheet that gives its colour."""

    name: str
    value: Decimal
    colour: str


def _nothing() -> None:
    """What is added to a chart that has all it needs."""


class _Quick:
    """A chart without what would be taken out again, which finds its attributes at once, with what pygal would find.

    While a chart is drawn, pygal looks for each attribute in the chart's state first, and asks for that state three
    times, which took a sixth of the time of all statements. Texts for tooltips, scripts and styles took another.
    """

    svg: Any

    def _draw(self) -> None:
        super()._draw()  # type: ignore[misc]  # of pygal's graphs
        self.svg.add_scripts = self.svg.add_styles = _nothing

    def _tooltip_data(self, *_: object, **__: object) -> None:
        """Not shown."""

    def __getattribute__(self, name: str) -> Any:
        state = object.__getattribute__(self, "__dict__").get("state")
        if state is None or name == "state" or name[:2] == "__" or name not in (known := state.__dict__):
            return object.__getattribute__(self, name)
        return known[name]


class _DayBars(_Quick, StackedBar):
    """Bars that stand."""


class _NameBars(_Quick, HorizontalStackedBar):
    """Bars that lie."""


def by_day(days: Sequence[str], series: Sequence[Series], printed: Callable[[float], str], told: str) -> str:
    """Bars stacked for each day; `printed` writes an amount on the axis, `told` says what the chart shows."""
    chart = _DayBars(  # type: ignore[no-untyped-call]
        **_options(printed), height=270, x_labels=days, truncate_label=-1, margin_right=4, spacing=14
    )
    return _rendered(chart, series, told)


def by_name(bars: Sequence[Bar], printed: Callable[[float], str], told: str) -> str:
    """A horizontal bar for each name, the first on top."""
    chart = _NameBars(  # type: ignore[no-untyped-call]
        **_options(printed) | {"width": _WIDTH // 2},
        height=52 + _ROW * len(bars),
        x_labels=[_shortened(bar.name) for bar in reversed(bars)],
        margin_right=24,
        spacing=8,
    )
    # A series of its own for each colour, with a value where a bar has that colour.
    series = [
        (colour, [bar.value if bar.colour == colour else None for bar in reversed(bars)])
        for colour in dict.fromkeys(bar.colour for bar in bars)
    ]
    return _rendered(chart, series, told)


def _options(printed: Callable[[float], str]) -> dict[str, Any]:
    return {
        "width": _WIDTH,
        "style": _STYLE,
        "css": [],
        "js": [],
        "disable_xml_declaration": True,
        "no_prefix": True,
        "show_legend": False,
        "margin": 8,
        "max_scale": 6,
        "min_scale": 3,
        "value_formatter": printed,
    }


def _rendered(chart: Any, series: Sequence[Series], told: str) -> str:
    for colour, values in series:
        chart.add(colour, values)

    def plain(root: Element) -> Element:
        for index, (colour, _) in enumerate(series):
            for group in root.iterfind(f".//g[@class='series serie-{index} color-{index}']"):
                group.set("class", colour)
        _strip(root)
        root.attrib |= {"role": "img", "aria-label": told}
        return root

    chart.add_xml_filter(plain)
    return str(chart.render(is_unicode=True))


def _strip(element: Element) -> None:
    """Leave shapes and texts, each with what places and colours it."""
    for child in list(element):
        if not isinstance(child.tag, str) or child.tag in _DROPPED or _is_empty(child):
            element.remove(child)
        else:
            _strip(child)
            if child.tag == "g" and not len(child):
                element.remove(child)
    kept = {name: _rounded(value) for name, value in element.attrib.items() if name in _KEPT}
    if kept.get("class") in _NOISE:
        del kept["class"]
    element.attrib.clear()
    element.attrib.update(kept)


def _rounded(value: str) -> str:
    return _LONG_NUMBER.sub(r"\1", value) if "." in value else value


def _is_empty(element: Element) -> bool:
    """A bar of no height, the page's background, or a group that only scripts would fill."""
    return element.tag == "rect" and (
        element.get("class") == "background" or not float(element.get("width", 0)) * float(element.get("height", 0))
    )


def _shortened(name: str) -> str:
    """With both ends: names that begin alike, such as those of paths, end differently."""
    half = _NAME_LETTERS // 2
    return name if len(name) <= _NAME_LETTERS else f"{name[: half - 1]}…{name[-half:]}"
