"""The sheets of the workbook: the columns of each, and the statement of `sheets.sql` that gives its lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Type(Enum):
    """What a column holds: decides how its cells are written and shown."""

    TEXT = "text"
    ID = "long text"
    DATE = "date"
    MONEY = "money"
    PRICE = "price"
    COUNT = "count"
    RATIO = "ratio"


WIDTHS = dict(zip(Type, (24, 40, 12, 18, 18, 16, 12), strict=True))
"""Column widths, in characters."""

Columns = tuple[tuple[str, Type], ...]

SheetLine = Sequence[Any]
"""The values of a line, one for each column."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet.

    Attributes:
        name: its tab.
        columns: header and type; `{currency}` in a header is filled in.
        statement: gives its lines in their order.
        note: stands above the header; mostly empty.
        words: the ones filled into the statement.
    """

    name: str
    columns: Columns
    statement: str
    note: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


OTHER_CURRENCIES = Sheet(
    "Other currencies",
    (
        ("Currency", Type.TEXT),
        ("Corrects", Type.TEXT),
        ("Cost centre", Type.TEXT),
        ("Meter", Type.TEXT),
        ("Rows", Type.COUNT),
        ("Cost in its currency", Type.MONEY),
    ),
    "other currencies",
    note="Corrections of months that were kept in another currency; no other sheet has them in a sum.",
)
"""The sheet of corrections in other currencies, only in months that have any; each currency ends with its total."""

MODELS = Sheet(
    "Models",
    (
        ("Provider", Type.TEXT),
        ("Model", Type.TEXT),
        ("Deployment type", Type.TEXT),
        ("Meter", Type.TEXT),
        ("Quantity", Type.COUNT),
        ("Unit", Type.TEXT),
        ("Cost ({currency})", Type.MONEY),
        ("List cost ({currency})", Type.MONEY),
        ("Contracted cost ({currency})", Type.MONEY),
    ),
    "models",
)

DAYS = Sheet(
    "Days",
    (
        ("Day", Type.DATE),
        ("Usage ({currency})", Type.MONEY),
        ("Shared costs ({currency})", Type.MONEY),
        ("Corrections ({currency})", Type.MONEY),
        ("Cost ({currency})", Type.MONEY),
        ("Calls", Type.COUNT),
    ),
    "days",
)

APPLICATIONS = Sheet(
    "Applications",
    (
        ("Subscription", Type.TEXT),
        ("Product", Type.TEXT),
        ("Application", Type.ID),
        ("Tenant", Type.ID),
        ("Cost centre", Type.TEXT),
        ("Cost ({currency})", Type.MONEY),
        ("Calls", Type.COUNT),
    ),
    "applications",
)

SHARED = Sheet(
    "Shared costs",
    (
        ("Shared cost", Type.TEXT),
        ("For", Type.TEXT),
        ("Basis", Type.TEXT),
        ("Cost centre", Type.TEXT),
        ("Part", Type.RATIO),
        ("Cost ({currency})", Type.MONEY),
    ),
    "shared costs",
)

PRICES = Sheet(
    "Prices used",
    (
        ("Price", Type.ID),
        ("Meter", Type.TEXT),
        ("Per", Type.TEXT),
        ("List price", Type.PRICE),
        ("Contracted price", Type.PRICE),
        ("Billed price", Type.PRICE),
        ("Currency of the price", Type.TEXT),
        ("Exchange rate", Type.PRICE),
        ("Rate of", Type.DATE),
        ("Source of the rate", Type.TEXT),
        ("Quantity", Type.COUNT),
        ("Cost ({currency})", Type.MONEY),
    ),
    "prices",
)

OPEN_ITEMS = Sheet(
    "Open items",
    (
        ("State", Type.TEXT),
        ("Cost centre", Type.TEXT),
        ("Model", Type.TEXT),
        ("Deployment", Type.TEXT),
        ("Deployment type", Type.TEXT),
        ("Region", Type.TEXT),
        ("Meter", Type.TEXT),
        ("Quantity", Type.COUNT),
        ("Unit", Type.TEXT),
        ("Rows", Type.COUNT),
    ),
    "open items",
)
