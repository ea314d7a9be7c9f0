"""The lines of the workbook's first and last sheet: the cost of each cost centre, and how to read the workbook."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from chargeback.domain.cost_centres.tree import level, with_below
from chargeback.services.publishing.period_tables import PeriodTables
from chargeback.services.workbook.sheets import Columns, Sheet, SheetLine, Type

_COLUMNS: Columns = (
    ("Cost centre", Type.TEXT),
    ("Name", Type.TEXT),
    ("Level", Type.COUNT),
    ("Cost ({currency})", Type.MONEY),
    ("With the centres below ({currency})", Type.MONEY),
    ("Usage ({currency})", Type.MONEY),
    ("Shared costs ({currency})", Type.MONEY),
    ("Corrections ({currency})", Type.MONEY),
    ("Estimated, within cost ({currency})", Type.MONEY),
    ("Calls", Type.COUNT),
    ("Unpriced rows", Type.COUNT),
    ("Unsettled calls", Type.COUNT),
    ("Budget ({currency})", Type.MONEY),
    ("Budget used", Type.RATIO),
)
NOT_ADDED_UP = {"With the centres below ({currency})", "Budget ({currency})", "Cost in its currency"}
"""Money that contains other lines of the sheet, or is of several currencies."""

SUMMARY = Sheet("Summary", _COLUMNS, "cost centres")

READ_ME = (
    "Chargeback of {period}. The period is {state}.",
    "Costs are in {currency}, rounded to {decimals} decimal places so that lines add up to their totals. "
    "Days are those of the time zone {zone}.",
    "Excel keeps about 15 digits of a number. For every digit, take the CSV files; "
    "{manifest} says what they hold, and its totals are those of this workbook.",
    "Totals are values, not formulas.",
    "Summary: the cost of each cost centre by itself, and with the centres below it. "
    "The column that includes the centres below is not added up, because it contains amounts several times.",
    "Shared costs: what was split between cost centres, and each one's part.",
    "Corrections: the difference from what closed periods were billed. A closed period itself never changes. "
    "Those of periods that were kept in another currency are on the sheet Other currencies, with totals of their own.",
    "Open items: usage that has no cost yet, because its price is missing (unpriced) or its quantities are not "
    "known yet (unsettled). It is in no total, and it is not free of charge.",
    "Charges: the month without its days, users and claims; {every_row} has every row.",
)
"""The lines of the last sheet."""


def summary_lines(tables: PeriodTables, lines: Iterable[SheetLine]) -> Iterator[SheetLine]:
    """A line for each cost centre of the tree in its order, then for those that are not in it but have costs."""
    found = {centre: numbers for centre, *numbers in lines}
    own = {centre: _known(numbers[:3]) for centre, numbers in found.items()}
    centres = dict.fromkeys([*tables.centres, *found])
    sums = with_below({centre: cost for centre, cost in own.items() if cost is not None}, centres)
    budgets = {budget.scope.value: budget for budget in tables.budgets if budget.currency == tables.currency}
    for centre in centres:
        numbers = found.get(centre, [None] * 7)
        cost = own.get(centre, Decimal(0))
        budget = budgets.get(centre)
        limit = (budget.amount, sums[centre] / budget.amount) if budget else (None, None)
        name = tables.centres.get(centre, "")
        yield centre, name, level(centre), cost, sums[centre], *numbers, *limit


def _known(costs: Sequence[Decimal | None]) -> Decimal | None:
    """The sum of what is known; None where nothing is."""
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known else None
