"""How cells of the workbook look: one number format for each kind of column, and what stands out."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format

from chargeback.domain.money.currencies import minor_unit_decimals
from chargeback.services.publishing.period_tables import PeriodFrame
from chargeback.services.workbook.columns import TEXTS, Type

_INK, _PALE, _FAINT = "#1F3A5F", "#E8EEF5", "#5A6675"
_MOST_PLACES = 12
_INDENT = 1
_SMALL = 100


@dataclass(frozen=True, slots=True)
class Places:
    """How many decimals the columns of a month need that have no number of their own."""

    price: int = 2
    rate: int = 2
    quantity: int = 0


class Styles:
    """The formats of one workbook."""

    def __init__(self, book: Workbook, frame: PeriodFrame, places: Places) -> None:
        self._book = book
        cents = min(minor_unit_decimals(frame.currency), frame.decimals)
        self.numbers = {
            Type.DATE: "yyyy-mm-dd",
            Type.MONEY: fixed(cents),
            Type.EXACT: fixed(frame.decimals),
            Type.PRICE: fixed(max(places.price, 2)),
            Type.RATE: fixed(max(places.rate, 2)),
            Type.QUANTITY: fixed(places.quantity),
            Type.COUNT: fixed(0),
            Type.RATIO: "0.0%",
        }
        self.change = f"+{fixed(cents)};-{fixed(cents)};{fixed(cents)}"
        self._made: dict[tuple[tuple[str, Any], ...], Format] = {}
        self.cells = {kind: self.of(num_format=code, **aligned(kind)) for kind, code in self.numbers.items()}

    def of(self, **properties: Any) -> Format:
        """A format with some properties; one for all cells that look the same."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(properties)
        return self._made[key]

    def header(self, kind: Type) -> Format:
        """How a header looks: aligned with what is below."""
        edge = {"bottom": 1, "bottom_color": _INK, "bg_color": _PALE, "font_color": _INK}
        return self.of(bold=True, text_wrap=True, valign="bottom", **aligned(kind), **edge)

    def total(self, kind: Type) -> Format:
        """How the cell of a total looks."""
        numbers = {"num_format": self.numbers[kind]} if kind in self.numbers else {}
        return self.of(bold=True, top=1, top_color=_INK, **aligned(kind), **numbers)

    def axis(self, headline: Decimal) -> str:
        """The format of the axis of a chart: cents say nothing beside large amounts."""
        return self.numbers[Type.MONEY] if headline < _SMALL else fixed(0)

    @property
    def title(self) -> dict[str, Any]:
        """The words on top of the first sheet."""
        return {"bold": True, "font_size": 18, "font_color": _INK}

    @property
    def heading(self) -> dict[str, Any]:
        """The words over a part of the first sheet."""
        return {"bold": True, "font_color": _INK}

    @property
    def faint(self) -> dict[str, Any]:
        """What explains something."""
        return {"font_color": _FAINT}


def aligned(kind: Type) -> dict[str, Any]:
    """Strings on the left, as cells without a format are; numbers on the right, with a little room behind them."""
    return {"align": "left"} if kind in TEXTS else {"align": "right", "indent": _INDENT}


def fixed(places: int) -> str:
    """The format of numbers that all have so many decimals."""
    count = min(places, _MOST_PLACES)
    return "#,##0" + ("." + "0" * count if count else "")
