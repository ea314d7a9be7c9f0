"""Puts a period's rows in their order: usage by date and dimensions, then shared costs, then corrections."""

import asyncio
from collections.abc import Iterable, Sequence
from decimal import Decimal

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.origins import price_origins
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.manifest import BACK, FRONT
from chargeback.domain.reports.rows import DIMENSIONS, ROW_COLUMNS
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import UNITS
from chargeback.services.duck.row_types import row_types
from chargeback.services.duck.statements import column_definitions, column_list, quoted
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_parts import PeriodPart, PeriodParts
from chargeback.services.publishing.staging import SETS_AT_ONCE

_BUCKETS = 256
"""Remainders are counted in so many buckets."""

_MAX_RATE = 10**6
"""With a smaller rate, an amount times the rate fits DuckDB's 38 digits with all its decimals."""


def create_tables(engine: PeriodEngine, catalogues: Iterable[Catalogue]) -> None:
    """Make the tables that rows of any kind go into; `catalogues` say how the prices are known, the first one first."""
    engine.run("macros")
    engine.run("tables", buckets=_BUCKETS * 10**engine.decimals)
    engine.run("rounding tables")
    engine.run("tables of closed usage")
    show_no_part(engine)
    engine.run("pending rows", types=column_definitions(row_types(engine.decimals)))
    engine.insert("units", [(meter.value, unit) for meter, unit in UNITS.items()])
    engine.insert("price_origins", price_origins(catalogues))


def show_no_part(engine: PeriodEngine) -> None:
    """Let `charges` and `dimension_sets` be empty."""
    engine.run("show no part", absent=", ".join(f'NULL::VARCHAR AS "{name}"' for name in DIMENSIONS))


class UsageArranger:
    """Orders and numbers what is staged, in the currency of the books, and adds it to the parts and to the sums.

    Attributes:
        rows: how many charges the parts have.
    """

    def __init__(
        self, engine: PeriodEngine, parts: PeriodParts, period: Month, currency: str, terms: Terms, *, shares: bool
    ) -> None:
        self.rows = 0
        self._engine = engine
        self._parts = parts
        self._period = period
        self._currency = currency
        self._terms = terms
        self._shares = shares

    async def __call__(self, before: BookDate) -> None:
        """Arrange the charges of the dates before this one.

        Raises `InvalidConfig` where there is no exchange rate for a currency.
        """
        part = await asyncio.to_thread(self._order, before)
        await self._parts.add(part)
        async with self._parts.shown(part):
            await asyncio.to_thread(self._sum)

    def _order(self, before: BookDate) -> PeriodPart:
        engine, currency = self._engine, {"currency": self._currency}
        currencies = [of for (of,) in engine.run("pricing currencies")]
        add_rates(engine, self._period, self._currency, self._terms, currencies)
        engine.run("new payers", currency)
        engine.run("new tariffs", currency)
        part = self._parts.next(has_new_sets=_place_dimension_sets(engine))
        if part.sets == part.number:
            file = str(engine.folder / part.dimension_sets)
            engine.run("order dimension sets", currency | {"file": file}, dimensions=column_list(DIMENSIONS))
        values = {"before": before, "rows": self.rows, "file": str(engine.folder / part.charges)}
        self.rows += engine.run("order charges", values)[0][0]
        return part

    def _sum(self) -> None:
        self._engine.run("sum payers", relation="charges")
        if self._shares:
            self._engine.run("sum usage by date")


def _place_dimension_sets(engine: PeriodEngine) -> bool:
    """Put the dimension sets of what is staged into their order, and forget all others, unless none is new."""
    if not engine.run("unplaced dimension sets")[0][0]:
        return False
    sorted_front = ", ".join(f"\"{name}\", 'ASC NULLS LAST'" for name in FRONT)
    count = engine.run("find places", sorted_front=sorted_front, back=column_list(BACK))[0][0]
    for first in range(1, count + 1, SETS_AT_ONCE):
        engine.run("put in place", {"first": first, "last": first + SETS_AT_ONCE - 1})
    engine.run("keep what is in place")
    return True


def arrange_non_usage(engine: PeriodEngine, currency: str, rows: int) -> None:
    """Number the rows that are not usage, after so many that are.

    `unallocated` is always among the payers, even where it pays nothing.
    """
    engine.run(
        "non-usage rows",
        {"currency": currency, "rows": rows},
        order=column_list((*DIMENSIONS, "meter", "state", "price_id")),
    )
    engine.run("sum payers", relation="non_usage_rows")


def create_row_views(engine: PeriodEngine, currency: str) -> None:
    """Make the views of the rounded rows; those of the usage have the part that is shown, at first none."""
    show_no_part(engine)
    engine.run(
        "row views", dimensions=column_list(DIMENSIONS), columns=column_list(ROW_COLUMNS), currency=quoted(currency)
    )


def add_rates(engine: PeriodEngine, period: Month, currency: str, terms: Terms, others: Sequence[str]) -> None:
    """Add the exchange rates from these currencies to that of the books, unless they are there already."""
    known = {of for of, *_ in engine.run("rates")}
    rates = [terms.rate_for(period, other, currency) for other in sorted(set(others) - known)]
    faults = [
        f"books.yaml: exchangeRates: {each.from_currency} to {each.to_currency} is {to_text(each.rate)};"
        " a rate is above zero, below 1000000 and has at most 12 decimals"
        for each in rates
        if not _is_rate(each.rate)
    ]
    if faults:
        raise InvalidConfig(faults)
    engine.insert("rates", [(each.from_currency, to_text(each.rate), each.date, each.source) for each in rates])


def _is_rate(rate: Decimal) -> bool:
    exponent = rate.normalize().as_tuple().exponent
    return 0 < rate < _MAX_RATE and isinstance(exponent, int) and exponent >= -12
