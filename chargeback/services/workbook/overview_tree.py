"""The cost centres on the first sheet, as a tree: each with what is below it, its change and its budget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chargeback.domain.cost_centres.tree import level, parent_of
from chargeback.domain.money.exact import EXACT
from chargeback.domain.reports.figures import CentreTotals
from chargeback.services.workbook.month_figures import MonthFigures, part_of

MOST_LISTED = 26
"""Cost centres that find room on the page; the sheet of cost centres has all of them."""


@dataclass(frozen=True, slots=True)
class TreeLine:
    """A cost centre with everything below it, in minor units; None where there is nothing to say.

    Attributes:
        depth: how far its name is set in.
        budget: in the currency of the books.
    """

    name: str
    depth: int
    charged: Decimal
    change: Decimal | None
    relative: Decimal | None
    budget: Decimal | None
    used: Decimal | None


def tree_lines(of: MonthFigures) -> tuple[list[TreeLine], int]:
    """The cost centres that find room, the costliest of each level first, and how many there are besides."""
    found = {path: each for path, each in of.totals.items() if _says_something(each)}
    in_order = list(_in_order(found))
    shown = _shown(found)
    return [_line(of, found[path]) for path in in_order if path in shown], len(found) - len(shown)


def _shown(found: Mapping[str, CentreTotals]) -> set[str]:
    """Level by level, as far as there is room: the costliest of the level that has too many."""
    ranked = sorted(found.values(), key=lambda each: (level(each.path), -each.cost_with_below, each.path))
    return {each.path for each in ranked[:MOST_LISTED]}


def _says_something(centre: CentreTotals) -> bool:
    return bool(centre.cost_with_below or centre.previous_with_below or centre.unknown_with_below or centre.budget)


def _in_order(found: Mapping[str, CentreTotals]) -> Iterator[str]:
    """Each cost centre before those below it; those beside each other by what they cost."""
    below: dict[str, list[CentreTotals]] = {}
    for path, each in found.items():
        below.setdefault(parent_of(path), []).append(each)

    def walk(parent: str) -> Iterator[str]:
        for each in sorted(below.get(parent, ()), key=lambda one: (-one.cost_with_below, one.path)):
            yield each.path
            yield from walk(each.path)

    yield from walk("")


def _line(of: MonthFigures, centre: CentreTotals) -> TreeLine:
    now, before = centre.headline_with_below, centre.headline_before_with_below
    use = of.budget_of(centre)
    is_in_books = use is not None and use.currency == of.frame.currency
    return TreeLine(
        centre.name,
        level(centre.path) - 1,
        now,
        EXACT.subtract(now, before) if of.is_compared else None,
        relative_change(centre.cost_with_below, centre.previous_with_below) if of.is_compared else None,
        use.limit if use and is_in_books else None,
        part_of(use),
    )


def relative_change(now: Decimal, before: Decimal) -> Decimal | None:
    """How much more or less, as a part of what was before; None where that was nothing."""
    return EXACT.subtract(now, before) / abs(before) if before else None


def other_budgets(of: MonthFigures, most: int) -> Sequence[CentreTotals]:
    """Cost centres whose budget is in another currency than the books, and cannot be shown in theirs."""
    uses = ((each, of.budget_of(each)) for each in of.totals.values() if each.budget is not None)
    return [each for each, use in uses if use is None or use.currency != of.frame.currency][:most]
