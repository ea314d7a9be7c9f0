"""Puts a period's rows in their order: usage by date and dimensions, then shared costs, then corrections."""

from collections.abc import Sequence
from decimal import Decimal

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import to_text
from chargeback.domain.reports.manifest import BACK, FRONT
from chargeback.domain.reports.rows import COLUMNS, DIMENSIONS, columns
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import UNITS
from chargeback.services.duck.engine import Engine, quoted

_MAX_RATE = 10**6
"""So that an amount times a rate fits the engine's 38 digits, with all its decimals."""


def prepare(engine: Engine) -> None:
    """Make the tables that rows of any kind go into."""
    engine.run("macros")
    engine.run("tables")
    engine.run("other tables", types=", ".join(f'"{name}" {kind}' for name, kind in columns(engine.decimals).items()))
    engine.insert("units", [(meter.value, unit) for meter, unit in UNITS.items()])


def arrange_usage(engine: Engine, period: Month, currency: str, terms: Terms) -> None:
    """Order and number what was staged, in the currency of the books.

    Raises `InvalidConfig` where there is no exchange rate for a currency.
    """
    add_rates(engine, period, currency, terms, [of for (of,) in engine.run("pricing currencies")])
    engine.run(
        "places",
        {"currency": currency},
        front=names(FRONT),
        back=names(BACK),
        dimensions=names(DIMENSIONS),
        front_cells=", ".join(f'cell("{name}")' for name in FRONT),
        back_cells=", ".join(f'cell("{name}")' for name in BACK),
    )
    engine.run("tariffs", {"currency": currency})
    for (date,) in engine.run("dates"):
        engine.run("charges of a date", {"date": date})
    engine.run("drop staging")


def arrange_others(engine: Engine, currency: str) -> None:
    """Number the rows that are not usage; `unallocated` pays something in every period, if only nothing."""
    engine.run("others", {"currency": currency}, order=names((*DIMENSIONS, "meter", "state", "price_id")))


def show(engine: Engine, currency: str) -> None:
    """Make the views of the rounded rows."""
    engine.run("row views", dimensions=names(DIMENSIONS), columns=names(tuple(COLUMNS)), currency=quoted(currency))


def names(columns: tuple[str, ...]) -> str:
    """Columns as SQL lists them."""
    return ", ".join(f'"{name}"' for name in columns)


def add_rates(engine: Engine, period: Month, currency: str, terms: Terms, others: Sequence[str]) -> None:
    """Note at which rates these currencies come into that of the books, where it is not known yet."""
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
