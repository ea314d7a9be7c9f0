"""Splits shared costs between the cost centres, by usage or fixed shares, into rows of their own."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.payers import SharedMarkup
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.exact import EXACT, PRICE_DECIMALS, ZERO, round_total, to_text, total
from chargeback.domain.reports.rows import ROW_COLUMNS, ColumnType
from chargeback.domain.terms.shared_costs import (
    USE_DECIMALS,
    CostKind,
    DirectUsage,
    Origin,
    SharedCost,
    active,
    amount,
    measure_of,
    measured,
    netted,
    origin,
    split,
    to_amount,
)
from chargeback.domain.terms.terms import ExchangeRate, Terms
from chargeback.domain.time.days import BookDate
from chargeback.domain.time.months import Month
from chargeback.domain.usage.states import LineState
from chargeback.services.duck.engine import Row
from chargeback.services.publishing.arrange import add_rates
from chargeback.services.publishing.closed_usage import MEASURES, usage_of
from chargeback.services.publishing.period_engine import PeriodEngine
from chargeback.services.publishing.period_inputs import PeriodInputs

_MOMENT = timedelta(microseconds=1)


def shares_any(inputs: PeriodInputs) -> bool:
    """Whether any shared cost is charged in the period."""
    return any(active(cost, inputs.period, inputs.catalogue.calendar) for cost in inputs.terms.shared_costs)


def share_costs(engine: PeriodEngine, inputs: PeriodInputs) -> None:
    """Add the parts of every shared cost that is charged in the period; those of one sum to it exactly.

    A cost that belongs to a closed period becomes corrections of that one: split by its usage, which
    `sum_closed_usage` must have summed from the files of `past`, and in the currency that it was billed in.
    """
    period, calendar = inputs.period, inputs.catalogue.calendar
    charged = [
        (cost, times) for cost in inputs.terms.shared_costs if (times := active(cost, period, calendar)) is not None
    ]
    own = [cost.currency for cost, _ in charged if not cost.corrects]
    add_rates(engine, period, inputs.currency, inputs.terms, own)
    for cost, times in charged:
        of, date = cost.corrects or period, calendar.date_of(times.first)
        if of in inputs.past:
            rows = usage_of(engine, of, calendar.bounds(of), calendar)
        else:
            dates = {"first": date, "last": calendar.date_of(times.after - _MOMENT)}
            rows = engine.run("direct usage", dates, measures=MEASURES)
        usage = direct_usage(rows, inputs.catalogue)
        rate = _rate(inputs.terms, cost, period, calendar.currency(of))
        price = netted(cost, amount(cost, period, calendar), usage)
        if cost.kind is CostKind.TRUE_UP and not price:
            continue
        used = measured(cost, usage, times)
        ratios = split(cost, used)
        whole = Whole(price, rate, origin(cost, price, period, calendar))
        parts = []
        for centre, ratio in ratios.items():
            markup = inputs.catalogue.payers.markup(cost.kind, centre, times.first)
            further = use_columns(cost, used, centre)
            if cost.corrects:
                further["cost_centre"] = inputs.successors.get(centre, centre)
            parts.append(part_row(cost, date, whole, centre, ratio, further, markup=markup))
        engine.insert("pending_rows", parts)


def _rate(terms: Terms, cost: SharedCost, period: Month, currency: str) -> ExchangeRate:
    """The exchange rate of the period that the cost corrects, if it has one; else of the period that carries it."""
    try:
        return terms.rate_for(cost.corrects or period, cost.currency, currency)
    except InvalidConfig:
        return terms.rate_for(period, cost.currency, currency)


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


class Whole(NamedTuple):
    """A shared cost in a period before it is split, and the rate that it is converted at."""

    price: Decimal
    rate: ExchangeRate
    origin: Origin


Further = dict[str, str | Decimal | None]
"""Columns of a part that say more than its cost."""


def use_columns(cost: SharedCost, used: Mapping[str, Decimal], centre: str) -> Further:
    """What a cost centre and all together used, where that decides who pays."""
    measure = measure_of(cost)
    if not measure:
        return {}
    own, of_all = used.get(centre, ZERO), total(used.values())
    return {
        "allocation_measure": measure,
        "allocated_use": round_total(own, USE_DECIMALS),
        "allocated_use_of_all": round_total(of_all, USE_DECIMALS),
    }


def part_row(
    cost: SharedCost,
    date: BookDate,
    whole: Whole,
    centre: str,
    ratio: Decimal,
    further: Mapping[str, str | Decimal | None] = MappingProxyType({}),
    *,
    markup: SharedMarkup | None = None,
) -> Row:
    """A cost centre's part of a shared cost as a row; `further` columns replace those of a part that is as it was paid.

    The list and the contracted cost have what was paid; the exact cost has what the cost centre is billed.
    """
    known = _columns(cost, date, whole, centre, ratio) | dict(further)
    if markup is not None:
        billed = Decimal(str(known["exact_cost"]))
        known |= {"unit_price": markup.on(whole.price, PRICE_DECIMALS), "exact_cost": markup.on(billed)}
    absent = {name: "" if kind == ColumnType.STRING else None for name, kind in ROW_COLUMNS.items()}
    return tuple(to_text(value) if isinstance(value, Decimal) else value for value in (absent | known).values())


def _columns(cost: SharedCost, date: BookDate, whole: Whole, centre: str, ratio: Decimal) -> dict[str, object]:
    """The columns of a part that is billed as it was paid."""
    price, rate = whole.price, whole.rate
    part = EXACT.multiply(to_amount(EXACT.multiply(price, rate.rate)), ratio)
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
        "origin_unit_price": whole.origin.price,
        "origin_quantity": whole.origin.quantity,
        "origin_unit": whole.origin.unit,
        "price_verified": str(cost.verified or ""),
    }
