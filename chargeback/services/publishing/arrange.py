"""Puts a period's rows in their order: usage by date and dimensions, then shared costs, then corrections."""

from collections.abc import Sequence
from decimal import Decimal

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.manifest import BACK, FRONT
from chargeback.domain.reports.rows import DIMENSIONS, ROW_COLUMNS
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import UNITS
from chargeback.services.duck.row_types import row_types
from chargeback.services.duck.statements import column_definitions, column_list, quoted
from chargeback.services.publishing.period_engine import PeriodEngine

_MAX_RATE = 10**6
"""With a smaller rate, an amount times the rate fits DuckDB's 38 digits with all its decimals."""


def create_tables(engine: PeriodEngine) -> None:
    """Make the tables that rows of any kind go into."""
    engine.run("macros")
    engine.run("tables")
    engine.run("pending rows", types=column_definitions(row_types(engine.decimals)))
    engine.insert("units", [(meter.value, unit) for meter, unit in UNITS.items()])


def arrange_usage(engine: PeriodEngine, period: Month, currency: str, terms: Terms) -> None:
    """Order and number what was staged, in the currency of the books.

    Raises `InvalidConfig` where there is no exchange rate for a currency.
    """
    add_rates(engine, period, currency, terms, [of for (of,) in engine.run("pricing currencies")])
    engine.run(
        "dimension sets",
        {"currency": currency},
        front=column_list(FRONT),
        back=column_list(BACK),
        dimensions=column_list(DIMENSIONS),
        front_cells=", ".join(f'cell("{name}")' for name in FRONT),
        back_cells=", ".join(f'cell("{name}")' for name in BACK),
    )
    engine.run("tariffs", {"currency": currency})
    for (date,) in engine.run("dates"):
        engine.run("charges of a date", {"date": date})
    engine.run("drop staging")


def arrange_non_usage(engine: PeriodEngine, currency: str) -> None:
    """Number the rows that are not usage. `unallocated` is always among the payers, even where it pays nothing."""
    engine.run("non-usage rows", {"currency": currency}, order=column_list((*DIMENSIONS, "meter", "state", "price_id")))


def create_row_views(engine: PeriodEngine, currency: str) -> None:
    """Make the views of the rounded rows."""
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
