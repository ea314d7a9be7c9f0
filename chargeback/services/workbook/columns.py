"""What a column of the workbook holds: its header, its width, and one form for all of its cells."""

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """What a column holds: decides how its cells are written and shown."""

    WORD = "word"
    NAME = "name"
    ID = "id"
    DATE = "date"
    MONEY = "money"  # as people pay it, such as 1,234.50
    EXACT = "exact money"  # with all places of the books
    PRICE = "price"
    RATE = "exchange rate"
    QUANTITY = "quantity"
    COUNT = "count"
    RATIO = "ratio"


TEXTS = (Type.WORD, Type.NAME, Type.ID)
"""Aligned to the left; everything else to the right, as its header is."""

WIDTHS = dict(zip(Type, (14, 26, 40, 11, 15, 18, 14, 12, 17, 11, 10), strict=True))
"""SheetColumn widths, in characters."""

CURRENCY = "({currency})"
"""Filled in where a header has it."""


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """One column.

    Attributes:
        header: `{currency}` in it is filled in.
        kind: what it holds.
        adds_up: whether the sum of its lines says anything.
        is_printed: whether it is on paper; what only serves to look something up is not.
        width: in characters.
    """

    header: str
    kind: Type
    adds_up: bool = False
    is_printed: bool = True
    width: int = 0

    @property
    def is_text(self) -> bool:
        """Whether its cells are strings."""
        return self.kind in TEXTS

    @property
    def shown_width(self) -> int:
        """Its own width, or that of its kind."""
        return self.width or WIDTHS[self.kind]


def word(header: str, width: int = 0) -> SheetColumn:
    """A short string, such as a meter."""
    return SheetColumn(header, Type.WORD, width=width)


def name(header: str, width: int = 0) -> SheetColumn:
    """What people chose, such as a cost centre."""
    return SheetColumn(header, Type.NAME, width=width)


def key(header: str) -> SheetColumn:
    """A long string to look something up by, which is not printed."""
    return SheetColumn(header, Type.ID, is_printed=False)


def date(header: str) -> SheetColumn:
    """A day."""
    return SheetColumn(header, Type.DATE)


def money(header: str, *, adds_up: bool = True) -> SheetColumn:
    """Amounts of many charges together, in the currency of the books."""
    return SheetColumn(f"{header} {CURRENCY}", Type.MONEY, adds_up)


def exact_money(header: str = "Cost") -> SheetColumn:
    """Amounts of single charges, with all places of the books, in their currency."""
    return SheetColumn(f"{header} {CURRENCY}", Type.EXACT, adds_up=True)


def price(header: str) -> SheetColumn:
    """A price, in a currency of its own."""
    return SheetColumn(header, Type.PRICE)


def quantity(header: str = "Quantity") -> SheetColumn:
    """How much there is of a unit; lines have different units, so it does not add up."""
    return SheetColumn(header, Type.QUANTITY)


def count(header: str, *, adds_up: bool = True) -> SheetColumn:
    """How often something is there, such as calls."""
    return SheetColumn(header, Type.COUNT, adds_up)


def ratio(header: str) -> SheetColumn:
    """A part of a whole, in percent."""
    return SheetColumn(header, Type.RATIO)
