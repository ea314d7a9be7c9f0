"""Splits shared costs between the cost centres, by usage or fixed shares, into rows of their own."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.payers import SharedMarkup
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import EXACT, PRICE_DECIMALS, to_text
from chargeback.domain.reports.rows import ROW_COLUMNS, ColumnType
from chargeback.domain.terms.shared_costs import (
    CostKind,
    DirectUsage,
    SharedCost,
    active,
    amount,
    measured,
    netted,
    split,
    to_amount,
)
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from chargeback.domain.usage.states import LineState
from chargeback.services.duck.engine import Row
from chargeback.services.duck.statements import paths
from chargeback.services.publishing.arrange import add_rates
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import PeriodInputs

_MOMENT = timedelta(microseconds=1)

MEASURES = ", ".join(
    [
        "CAST(coalesce(sum(exact_cost), 0) AS DECIMAL(38, 18))",
        *(
            f"CAST(coalesce(sum(quantity) FILTER ({which}), 0) AS HUGEINT)"
            for which in (
                "unit = 'tokens'",
                "meter = 'requests'",
                "unit = 'tokens' AND meter LIKE 'cached%'",
                "unit = 'tokens' AND meter SIMILAR TO 'output.*|reasoning.*'",
            )
        ),
    ]
)
"""Columns of `DirectUsage` in SQL: cost, tokens, requests, cached tokens, tokens of the answer.

What follows them are service tier, variant, meter, quantity and the cost at contracted prices.
"""


def share_costs(engine: PeriodEngine, inputs: PeriodInputs, past: Mapping[Month, Sequence[Path]]) -> None:
    """Add the parts of every shared cost that is charged in the period; those of one sum to it exactly.

    A cost that belongs to a closed period becomes corrections of that one: split by its usage, which the files of
    `past` have, and in the currency that it was billed in.
    """
    period, calendar = inputs.period, inputs.catalogue.calendar
    charged = [
        (cost, times) for cost in inputs.terms.shared_costs if (times := active(cost, period, calendar)) is not None
    ]
    own = [cost.currency for cost, _ in charged if not cost.corrects]
    add_rates(engine, period, inputs.currency, inputs.terms, own)
    for cost, times in charged:
        of, date = cost.corrects or period, calendar.date_of(times.first)
        if of in past:
            rows = usage_of(engine, of, calendar.bounds(of), calendar, past[of])
        else:
            dates = {"first": date, "last": calendar.date_of(times.after - _MOMENT)}
            rows = engine.run("direct usage", dates, measures=MEASURES)
        usage = direct_usage(rows, inputs.catalogue)
        rate = _rate(inputs.terms, cost, period, calendar.currency(of))
        price = netted(cost, amount(cost, period, calendar), usage)
        if cost.kind is CostKind.TRUE_UP and not price:
            continue
        ratios = split(cost, measured(cost, usage, times))
        parts = []
        for centre, ratio in ratios.items():
            markup = inputs.catalogue.payers.markup(cost.kind, centre, times.first)
            moved = {"cost_centre": inputs.successors.get(centre, centre)} if cost.corrects else {}
            parts.append(part_row(cost, date, price, rate, centre, ratio, moved, markup=markup))
        engine.insert("pending_rows", parts)


def _rate(terms: Terms, cost: SharedCost, period: Month, currency: str) -> ExchangeRate:
    """The exchange rate of the period that the cost corrects, if it has one; else of the period that carries it."""
    try:
        return terms.rate_for(cost.corrects or period, cost.currency, currency)
    except InvalidConfig:
        return terms.rate_for(period, cost.currency, currency)


def usage_of(
    engine: PeriodEngine,
    period: Month,
    time: tuple[datetime, datetime],
    calendar: Calendar,
    billed: Sequence[Path],
    corrections: Sequence[Path] = (),
) -> list[Row]:
    """The usage of a closed period in some of its time: from its own file, which comes first, and the corrections."""
    first, last = calendar.date_of(time[0]), calendar.date_of(time[1] - _MOMENT)
    values = {
        "billed": str(billed[0]),
        "corrections": paths([*billed, *corrections]),
        "period": period,
        "first": first,
        "last": last,
    }
    return engine.run("usage of a closed period", values, measures=MEASURES)


def direct_usage(rows: Iterable[Row], catalogue: Catalogue) -> list[DirectUsage]:
    """The usage in the rows of a statement; the catalogue knows each backend's account."""
    found = []
    for centre, backend, name, *rest, quantity, contracted in rows:
        known = (centre, catalogue.account(backend), name, *rest, Decimal(quantity), Decimal(contracted))
        found.append(DirectUsage(*known))
    return found


def part_id(cost: SharedCost, centre: str) -> str:
    """The charge id of a cost centre's part of a shared cost, the same in every month."""
    return blake2b(f"shared\x1f{cost.cost_id}\x1f{centre}".encode(), digest_size=16).hexdigest()


def part_row(
    cost: SharedCost,
    date: BookDate,
    price: Decimal,
    rate: ExchangeRate,
    centre: str,
    ratio: Decimal,
    corrects: Mapping[str, str | Decimal | None] = MappingProxyType({}),
    *,
    markup: SharedMarkup | None = None,
) -> Row:
    """A cost centre's part of a shared cost as a row; `corrects` are the columns of one that corrects another.

    The list and the contracted cost have what was paid; the exact cost has what the cost centre is billed.
    """
    known = _columns(cost, date, price, rate, centre, ratio) | dict(corrects)
    if markup is not None:
        billed = Decimal(str(known["exact_cost"]))
        known |= {"unit_price": markup.on(price, PRICE_DECIMALS), "exact_cost": markup.on(billed)}
    absent = {name: "" if kind == ColumnType.STRING else None for name, kind in ROW_COLUMNS.items()}
    return tuple(to_text(value) if isinstance(value, Decimal) else value for value in (absent | known).values())


def _columns(
    cost: SharedCost, date: BookDate, price: Decimal, rate: ExchangeRate, centre: str, ratio: Decimal
) -> dict[str, object]:
    """The columns of a part that is billed as it was paid."""
    whole = to_amount(EXACT.multiply(price, rate.rate))
    part = EXACT.multiply(whole, ratio)
    return {
        "kind": "correction" if cost.corrects else "shared",
        "charge_id": part_id(cost, centre),
        "charge_date": date,
        "cost_centre": centre,
        "meter": cost.meter_of(centre),
        "unit": "share",
        "quantity": ratio,
        "state": LineState.EXACT.value,
        "requests": 0,
        "price_id": cost.cost_id,
        "price_unit": "1 share",
        **dict.fromkeys(("list_unit_price", "contracted_unit_price", "unit_price"), price),
        "pricing_currency": cost.currency,
        "exchange_rate": rate.rate,
        "exchange_rate_date": rate.date,
        "exchange_rate_source": rate.source,
        "currency": rate.to_currency,
        **dict.fromkeys(("exact_cost", "list_cost", "contracted_cost"), part),
        "corrects_period": cost.corrects,
        "shared_cost": cost.cost_id,
        "allocation_basis": cost.basis.value,
        "allocated_ratio": ratio,
    }
