"""Reads the figures of a month that the first sheets show: by cost centre, by day, and what is not final of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from chargeback.domain.cost_centres.tree import UNALLOCATED, level
from chargeback.domain.money.exact import EXACT, total
from chargeback.domain.reports.centre_totals import CentreSums, totals_of_centres
from chargeback.domain.reports.figures import CentreTotals
from chargeback.services.duck.engine import Engine
from chargeback.services.publishing.period_tables import PeriodFrame
from chargeback.services.statements.explain_charge import BudgetUse, budget_use
from chargeback.services.workbook.sheets import CENTRES, COMPARED, DAYS, Sheet, SheetLine


@dataclass(frozen=True, slots=True)
class CentreMonth:
    """What a cost centre itself has in a month, without those below; None where it has nothing of the kind.

    Attributes:
        estimated: the part of its cost that rests on estimates.
        unpriced: rows without a price.
        unsettled: calls whose quantities are not known yet.
        unknown: rows whose cost is not known yet.
    """

    usage: Decimal | None = None
    shared: Decimal | None = None
    corrections: Decimal | None = None
    estimated: Decimal | None = None
    requests: int | None = None
    unpriced: int | None = None
    unsettled: int | None = None
    rows: int = 0
    unknown: int | None = None

    @property
    def cost(self) -> Decimal | None:
        """The sum of what is known; None where nothing is."""
        known = [each for each in (self.usage, self.shared, self.corrections) if each is not None]
        return total(known) if known else None


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """The figures of a month.

    Attributes:
        totals: by path, those of the tree in its order first; with everything that the statements show.
        months: what each cost centre itself has.
        days: the lines of the sheet of days.
        elsewhere: currency → corrections of months that were kept in it; they are in no other figure.
        currencies_before: those that the month before was kept in; empty where it was never published.
        last_day: the last day with usage; empty without any.
    """

    frame: PeriodFrame
    totals: Mapping[str, CentreTotals]
    months: Mapping[str, CentreMonth]
    days: Sequence[SheetLine]
    elsewhere: Mapping[str, Decimal]
    currencies_before: Sequence[str]
    last_day: str

    @property
    def is_compared(self) -> bool:
        """Whether there is a month before, in the same currency."""
        return self.frame.currency in self.currencies_before

    @property
    def headline(self) -> Decimal:
        """What is charged in all, in minor units, as the headlines of all statements add up to."""
        return total(each.headline for each in self.totals.values())

    @property
    def headline_before(self) -> Decimal:
        """Likewise in the month before."""
        return total(each.headline_before for each in self.totals.values())

    def budget_of(self, centre: CentreTotals) -> BudgetUse | None:
        """How much of its budget a cost centre uses, as its statement says."""
        return budget_use(centre.budget, centre.cost_with_below, self.frame)


def read_month(engine: Engine, frame: PeriodFrame) -> MonthFigures:
    """The figures of the rows that were summed."""
    months = {centre: CentreMonth(*numbers) for centre, *numbers in engine.run(CENTRES.statement)}
    before = engine.run("costs of the month before")
    sums = CentreSums(
        rows=dict.fromkeys(frame.centres, 0) | {centre: each.rows for centre, each in months.items()},
        costs={centre: each.cost for centre, each in months.items() if each.cost is not None},
        previous={centre: cost for currency, centre, cost in before if currency == frame.currency},
        unknown={centre: Decimal(each.unknown) for centre, each in months.items() if each.unknown},
    )
    found = totals_of_centres(sums, frame.centres, frame.budgets, decimals=frame.decimals, currency=frame.currency)
    if UNALLOCATED not in sums.rows and UNALLOCATED not in sums.previous:
        del found[UNALLOCATED]
    ((last_day,),) = engine.run("last day of usage")
    return MonthFigures(
        frame,
        {path: found[path] for path in dict.fromkeys([*frame.centres, *found])},
        months,
        engine.run(DAYS.statement),
        dict(engine.run("costs in other currencies")),
        sorted({currency for currency, _, _ in before}),
        last_day or "",
    )


def centre_sheet(of: MonthFigures) -> Sheet:
    """The sheet of cost centres; without a month before, it has no columns of it."""
    columns = tuple(each for each in CENTRES.columns if of.is_compared or each not in COMPARED)
    return replace(CENTRES, columns=columns)


def centre_lines(of: MonthFigures) -> Iterator[SheetLine]:
    """The lines of that sheet: the tree in its order, then what is not in it but has costs."""
    for path, each in of.totals.items():
        month = of.months.get(path, CentreMonth())
        cost = each.cost if each.rows == 0 or month.cost is not None else None
        compared = (each.previous, EXACT.subtract(each.cost, each.previous)) if of.is_compared else ()
        use = of.budget_of(each)
        is_in_books = use is not None and use.currency == of.frame.currency
        yield (
            path,
            of.frame.centres.get(path, ""),
            level(path),
            cost,
            each.cost_with_below,
            *(month.usage, month.shared, month.corrections, month.estimated),
            *compared,
            *(month.requests, month.unpriced, month.unsettled),
            use.limit if use and is_in_books else None,
            part_of(use),
        )


def part_of(use: BudgetUse | None) -> Decimal | None:
    """The part of a budget that is used; None where there is none, or where it is of nothing."""
    return use.used / use.limit if use and use.limit else None
