"""Puts a period's rows in their order: usage by date and dimensions, then shared costs, then corrections."""

from collections.abc import Mapping
from decimal import Decimal

from chargeback.domain.errors import InvalidConfig
from chargeback.domain.meters import UNITS
from chargeback.domain.money import to_text
from chargeback.domain.report import BACK, FRONT
from chargeback.domain.rows import COLUMNS, DIMENSIONS, columns
from chargeback.services.period_to_settle import Conversion
from chargeback.services.publishing.engine import Engine, quoted

ONE = Decimal(1)


def prepare(engine: Engine) -> None:
    """Make the tables that rows of any kind go into."""
    engine.run("macros")
    engine.run("tables")
    engine.run("other tables", types=", ".join(f'"{name}" {kind}' for name, kind in columns(engine.decimals).items()))
    engine.insert("units", [(meter.value, unit) for meter, unit in UNITS.items()])


def arrange_usage(engine: Engine, currency: str, conversions: Mapping[str, Conversion]) -> None:
    """Order and number what was staged, in the currency of the books.

    Raises `InvalidConfig` where there is no exchange rate for a currency.
    """
    _convert(engine, currency, conversions)
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


def _convert(engine: Engine, currency: str, conversions: Mapping[str, Conversion]) -> None:
    known = {**conversions, currency: Conversion(rate=ONE, date="", source="")}
    faults = [
        f"exchangeRates: {other} to {currency} is {to_text(each.rate)}; a rate is above zero, below 1000000 and has at"
        " most 12 decimals"
        for other, each in known.items()
        if not _is_rate(each)
    ]
    if faults:
        raise InvalidConfig(faults)
    engine.insert("conversions", [(name, to_text(each.rate), each.date, each.source) for name, each in known.items()])
    if missing := engine.run("unconverted"):
        raise InvalidConfig(
            [
                f"exchangeRates: there is none from {other} to {currency}, the currency of the books"
                for (other,) in missing
            ]
        )


def _is_rate(conversion: Conversion) -> bool:
    exponent = conversion.rate.as_tuple().exponent
    return 0 < conversion.rate < 10**6 and isinstance(exponent, int) and exponent >= -12
