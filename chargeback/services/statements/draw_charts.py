"""Draws the charts of a page as SVG: bars by day and bars by name, without scripts, ids or dates.

The page's style sheet gives colours and fonts by the classes, so that one sheet serves all charts. Positions are
floats; every amount that a reader relies on is in the tables beside the charts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10
from typing import NamedTuple, Self

from markupsafe import escape

_WIDTH, _DAYS_HEIGHT, _ROW = 900, 270, 26
_TOP = 8
_LEFT_OF_DAYS, _RIGHT_OF_DAYS, _BELOW_DAYS = 22, 4, 35
_LEFT_OF_NAMES, _RIGHT_OF_NAMES, _BELOW_NAMES = 16, 24, 29

_FONT = 13
_LETTER = 0.6 * _FONT
"""The width of a letter, about: only a browser knows the font."""

_BASELINE = 0.35 * _FONT
"""How far the baseline lies below the middle of a word."""

_BESIDE, _BENEATH = -5.0, 16.5
"""From the bars to the words: to their end on the left, to their baseline below."""

_GAP = 0.06
"""The part of its place that a bar leaves free on each side."""

_MARGIN = 0.02
"""The part of a scale that is free at each end."""

_MOST_STEPS = 6
_NAME_LETTERS = 22

Series = tuple[str, Sequence[Decimal | None]]
"""A class of the style sheet, which gives the colour, and a value for each label."""


class Bar(NamedTuple):
    """A bar with its name, and a class of the style sheet that gives its colour."""

    name: str
    value: Decimal
    colour: str


class _Piece(NamedTuple):
    """A bar or a part of one: its place among the bars, and from which amount to which it goes."""

    place: int
    start: float
    end: float


_Coloured = Mapping[str, Sequence[_Piece]]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where numbers between `low` and `high` lie on a length."""

    low: float
    high: float
    length: float

    @classmethod
    def of_amounts(cls, pieces: _Coloured, length: float) -> Self:
        """With room for all pieces, and for zero."""
        ends = [0.0, *(piece.end for some in pieces.values() for piece in some)]
        low, high = min(ends), max(ends)
        return cls(low, high if high > low else low + 1, length)

    def at(self, number: float) -> float:
        """The position of a number, from the low end."""
        return self.length * ((number - self.low) / (self.high - self.low) + _MARGIN) / (1 + 2 * _MARGIN)

    def steps(self, most: int) -> list[float]:
        """Round numbers, zero among them, at a distance of 1, 2 or 5 times a power of ten."""
        span = self.high - self.low
        power = 10.0 ** floor(log10(span / most))
        step = next((each * power for each in (1, 2, 5) if span <= most * each * power), 10 * power)
        return [each * step for each in range(ceil(self.low / step), floor(self.high / step) + 1)]


def by_day(days: Sequence[str], series: Sequence[Series], printed: Callable[[float], str], told: str) -> str:
    """Bars stacked for each day; `printed` writes an amount on the axis, `told` says what the chart shows."""
    pieces = _stacked(series)
    height = _DAYS_HEIGHT - _TOP - _BELOW_DAYS
    amounts = _Scale.of_amounts(pieces, height)
    steps = {step: printed(step) for step in amounts.steps(_MOST_STEPS)}
    left = _LEFT_OF_DAYS + _longest(steps.values())
    width = _WIDTH - left - _RIGHT_OF_DAYS
    places = _Scale(0, len(days), width)
    breadth = places.at(1 - _GAP) - places.at(_GAP)

    def rectangle(piece: _Piece) -> str:
        low, high = sorted((amounts.at(piece.start), amounts.at(piece.end)))
        return _rectangle(places.at(piece.place + _GAP), height - high, breadth, high - low)

    parts = ['<g class="axis y">']
    for step, said in steps.items():
        y = height - amounts.at(step)
        parts.append(_guide(step, f"M0 {y:.1f}h{width:.1f}") + _word(_BESIDE, y + _BASELINE, said))
    parts.append('</g><g class="axis x">')
    parts += [_word(places.at(place + 0.5), height + _BENEATH, day) for place, day in enumerate(days) if day]
    return _chart("vertical", _WIDTH, _DAYS_HEIGHT, left, told, [*parts, "</g>", *_bars(pieces, rectangle)])


def by_name(bars: Sequence[Bar], printed: Callable[[float], str], told: str) -> str:
    """A horizontal bar for each name, the first on top."""
    pieces: dict[str, list[_Piece]] = defaultdict(list)
    for place, bar in enumerate(bars):
        pieces[bar.colour].append(_Piece(place, 0, float(bar.value)))
    names = [_shortened(bar.name) for bar in bars]
    left = _LEFT_OF_NAMES + _longest(names)
    width, height = _WIDTH // 2 - left - _RIGHT_OF_NAMES, _ROW * len(bars) + 15
    amounts, places = _Scale.of_amounts(pieces, width), _Scale(0, len(bars), height)
    breadth = places.at(1 - _GAP) - places.at(_GAP)

    def rectangle(piece: _Piece) -> str:
        low, high = sorted((amounts.at(piece.start), amounts.at(piece.end)))
        return _rectangle(low, places.at(piece.place + _GAP), high - low, breadth)

    parts = ['<g class="axis y">']
    parts += [_word(_BESIDE, places.at(place + 0.5) + _BASELINE, name) for place, name in enumerate(names)]
    parts.append('</g><g class="axis x">')
    for step, said in _side_by_side(amounts, printed).items():
        x = amounts.at(step)
        parts.append(_guide(step, f"M{x:.1f} 0v{height}") + _word(x, height + _BENEATH, said))
    total_height = height + _TOP + _BELOW_NAMES
    return _chart("horizontal", _WIDTH // 2, total_height, left, told, [*parts, "</g>", *_bars(pieces, rectangle)])


def _side_by_side(amounts: _Scale, printed: Callable[[float], str]) -> dict[float, str]:
    """As many steps as have room beside each other."""
    for most in range(_MOST_STEPS, 0, -1):
        steps = {step: printed(step) for step in amounts.steps(most)}
        if len(steps) * (_longest(steps.values()) + _FONT) <= amounts.length:
            break
    return steps


def _stacked(series: Sequence[Series]) -> dict[str, list[_Piece]]:
    """The pieces of each colour, where those of earlier ones end: amounts above zero upwards, others downwards."""
    pieces: dict[str, list[_Piece]] = {colour: [] for colour, _ in series}
    above: dict[int, float] = defaultdict(float)
    below: dict[int, float] = defaultdict(float)
    for colour, values in series:
        for place, value in enumerate(values):
            if value:
                ends = above if value > 0 else below
                start = ends[place]
                ends[place] += float(value)
                pieces[colour].append(_Piece(place, start, ends[place]))
    return pieces


def _chart(kind: str, width: int, height: int, left: int, told: str, parts: Iterable[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(told)}">'
        f'<g class="{kind}" transform="translate({left} {_TOP})">{"".join(parts)}</g></svg>'
    )


def _bars(pieces: _Coloured, rectangle: Callable[[_Piece], str]) -> Iterable[str]:
    for colour, some in pieces.items():
        yield f'<g class="{colour}">{"".join(map(rectangle, some))}</g>'


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _guide(step: float, path: str) -> str:
    return f'<path d="{path}"/>' if step else f'<path class="zero" d="{path}"/>'


def _word(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _longest(words: Iterable[str]) -> int:
    return ceil(max(map(len, words), default=0) * _LETTER)


def _shortened(name: str) -> str:
    """With both ends: names that begin alike, such as those of paths, end differently."""
    half = _NAME_LETTERS // 2
    return name if len(name) <= _NAME_LETTERS else f"{name[: half - 1]}…{name[-half:]}"
