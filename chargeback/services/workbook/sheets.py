"""The sheets of the workbook: the columns of each, and the statement of `sheets.sql` that gives its lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chargeback.services.workbook.columns import (
    SheetColumn,
    Type,
    count,
    date,
    exact_money,
    key,
    money,
    name,
    price,
    quantity,
    ratio,
    word,
)

SheetLine = Sequence[Any]
"""The values of a line, one for each column."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet.

    Attributes:
        name: its tab; without its blanks, the name of its table.
        statement: gives its lines in their order.
        note: stands above the header; mostly empty.
        words: the ones filled into the statement.
    """

    name: str
    columns: tuple[SheetColumn, ...]
    statement: str
    note: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


COMPARED = (money("The month before"), money("Change"))
"""The columns of cost centres that need a month before."""

CENTRES = Sheet(
    "Cost centres",
    (
        name("Cost centre", 34),
        name("Name", 24),
        SheetColumn("Level", Type.COUNT, width=7),
        money("Cost"),
        money("With the centres below", adds_up=False),
        money("Usage"),
        money("Shared costs"),
        money("Corrections"),
        money("Estimated part of the cost"),
        *COMPARED,
        count("Calls"),
        count("Unpriced rows"),
        count("Unsettled calls"),
        money("Budget", adds_up=False),
        ratio("Budget used"),
    ),
    "cost centres",
)

MODELS = Sheet(
    "Models",
    (
        word("Provider"),
        name("Model"),
        word("Deployment type", 18),
        word("Meter", 22),
        quantity(),
        word("Unit", 10),
        money("Cost"),
        money("List cost"),
        money("Contracted cost"),
    ),
    "models",
)

DAYS = Sheet(
    "Days",
    (date("Day"), money("Usage"), money("Shared costs"), money("Corrections"), money("Cost"), count("Calls")),
    "days",
)

APPLICATIONS = Sheet(
    "Applications",
    (
        name("Subscription"),
        word("Product"),
        name("Cost centre", 34),
        money("Cost"),
        count("Calls"),
        key("Application"),
        key("Tenant"),
    ),
    "applications",
)

SHARED = Sheet(
    "Shared costs",
    (name("Shared cost"), word("For"), word("Basis"), name("Cost centre", 34), ratio("Part"), money("Cost")),
    "shared costs",
)

PRICES = Sheet(
    "Prices used",
    (
        SheetColumn("Price", Type.ID, width=62),
        word("Meter", 22),
        word("Per"),
        price("List price"),
        price("Contracted price"),
        price("Billed price"),
        word("Currency of the price", 11),
        SheetColumn("Exchange rate", Type.RATE),
        date("Rate of"),
        name("Source of the rate", 16),
        quantity(),
        exact_money(),
    ),
    "prices",
)

OPEN_ITEMS = Sheet(
    "Open items",
    (
        word("State", 11),
        name("Cost centre", 34),
        name("Model"),
        name("Deployment", 20),
        word("Deployment type", 18),
        word("Region"),
        word("Meter", 22),
        quantity(),
        word("Unit", 10),
        count("Rows"),
    ),
    "open items",
)

OTHER_CURRENCIES = Sheet(
    "Other currencies",
    (
        word("Currency", 10),
        word("Corrects", 10),
        name("Cost centre", 34),
        word("Meter", 22),
        count("Rows", adds_up=False),
        SheetColumn("Cost in its currency", Type.EXACT),
    ),
    "other currencies",
    note="Corrections of months that were kept in another currency; no other sheet has them in a sum.",
)
"""The sheet of corrections in other currencies, only in months that have any; each currency ends with its total."""
