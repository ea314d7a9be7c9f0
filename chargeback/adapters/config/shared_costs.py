"""Reads shared-costs.yaml: what is split, how much it costs, and who shares it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from chargeback.adapters.config.decimals import is_decimal
from chargeback.adapters.config.entries import Record, Sections, each, sections
from chargeback.adapters.config.times import effective
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.catalogue.hosting import Hosting
from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.money.currencies import currency_fault
from chargeback.domain.terms.shared_costs import Basis, BasisMeasure, Capacity, CostKind, Per, Selection, SharedCost
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective, hour_name
from chargeback.domain.time.months import Month, month


class _Selection(Record, frozen=True):
    accounts: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    deployment_types: tuple[DeploymentType, ...] = ()
    models: tuple[str, ...] = ()


class _Capacity(Record, frozen=True):
    tokens_per_minute: Any
    idle: str
    output_counts_as: Any = "1"


class _Entry(Record, frozen=True):
    id: str
    name: str
    kind: CostKind
    basis: Basis
    source: str
    currency: str | None = None
    per_month: Any = None
    per_hour: Any = None
    units: int = 1
    amount: Any = None
    period: str = ""
    corrects: str = ""
    effective_from: str | None = None
    effective_to: str | None = None
    measure: BasisMeasure = BasisMeasure.COST
    of: _Selection = msgspec.field(default_factory=_Selection)
    among: tuple[str, ...] = ()
    shares: dict[str, Any] = msgspec.field(default_factory=dict)
    weights: dict[str, Any] = msgspec.field(default_factory=dict)
    capacity: _Capacity | None = None
    verified: Verified | None = None


SECTIONS = Sections({"sharedCosts": list[_Entry]})


def shared_costs(document: object, catalogue: Catalogue, faults: list[str]) -> list[tuple[str, SharedCost]]:
    """The shared costs by their order, with their places; without a document there are none."""
    if document is None:
        return []
    top = sections(document, SECTIONS, faults)
    entries = list(each(top["sharedCosts"], _Entry, "sharedCosts", faults))
    for place, entry in entries:
        faults.extend(f"{place}.{fault}" for fault in _entry_faults(entry))
    if faults:
        return []
    return [(place, cost) for place, entry in entries for cost in _costs(entry, catalogue, place, faults)]


def _costs(entry: _Entry, catalogue: Catalogue, place: str, faults: list[str]) -> Iterator[SharedCost]:
    time = effective(entry, catalogue.calendar, place, faults)
    prices = _prices(entry)
    currency = entry.currency or (
        _currency_of_books(entry, time, catalogue.calendar, place, faults) if prices else catalogue.currency
    )
    for per, price in prices.items():
        yield _cost(entry, per, Decimal(price), currency, time)
    if prices:
        return
    rated = list(_from_the_card(entry, catalogue.hosting, currency, time))
    if not rated or currency != catalogue.currency:
        faults.append(
            f"{place}.perHour: is missing, and the rate card has no hosting rate in {currency}"
            f" for {' '.join((*entry.of.models, *entry.of.deployment_types)) or 'what `of` names'}"
        )
    yield from rated


def _currency_of_books(entry: _Entry, time: Effective, calendar: Calendar, place: str, faults: list[str]) -> str:
    """The currency that the books have in the period of an amount, or while a price is effective."""
    if entry.period:
        return calendar.currency(Month(entry.corrects or entry.period))
    found = calendar.currencies(time)
    if len(found) > 1:
        faults.append(
            f"{place}.currency: is missing; the books are kept in {' and '.join(found)} while this is effective:"
            " name it, or write an entry for each"
        )
    return found[0] if found else ""


def _from_the_card(entry: _Entry, hosting: Hosting, currency: str, time: Effective) -> Iterator[SharedCost]:
    """One cost for each hosting rate, because each has its own price; the ids of the later ones name their start."""
    if (len(entry.of.models), len(entry.of.deployment_types)) != (1, 1):
        return
    cost_id = entry.id
    for rate in hosting.get((entry.of.models[0].casefold(), entry.of.deployment_types[0].value), ()):
        if charged := time.intersection(rate.effective):
            cost = _cost(entry, Per.HOUR, rate.per_hour, currency, charged)
            yield replace(cost, cost_id=cost_id, source=f"{rate.rate_id}: {rate.source}", verified=rate.verified)
            cost_id = f"{entry.id}@{hour_name(rate.effective.end)}" if rate.effective.end else ""


def _cost(entry: _Entry, per: Per, price: Decimal, currency: str, time: Effective) -> SharedCost:
    return SharedCost(
        cost_id=entry.id,
        name=entry.name,
        kind=entry.kind,
        price=price,
        per=per,
        currency=currency,
        basis=entry.basis,
        units=entry.units,
        period=Month(entry.period),
        effective=time,
        measure=entry.measure,
        of=Selection(
            entry.of.accounts,
            entry.of.deployments,
            tuple(kind.value for kind in entry.of.deployment_types),
            entry.of.models,
        ),
        among=entry.among,
        shares=_decimals(entry.shares),
        weights=_decimals(entry.weights),
        capacity=_capacity(entry.capacity) if entry.capacity else None,
        corrects=Month(entry.corrects),
        source=entry.source,
        verified=Verified.INVOICE if entry.kind is CostKind.TRUE_UP else entry.verified,
    )


def _capacity(stated: _Capacity) -> Capacity:
    return Capacity(Decimal(stated.tokens_per_minute), Decimal(stated.output_counts_as), stated.idle)


def _prices(entry: _Entry) -> dict[Per, Any]:
    prices = {Per.MONTH: entry.per_month, Per.HOUR: entry.per_hour, Per.PERIOD: entry.amount}
    return {per: price for per, price in prices.items() if price is not None}


def _decimals(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {path: Decimal(text) for path, text in texts.items()}


def _entry_faults(entry: _Entry) -> Iterator[str]:
    if len(_prices(entry)) > 1 or (not _prices(entry) and entry.kind is not CostKind.HOSTING):
        yield "perMonth: name exactly one of perMonth, perHour and amount"
    amounts = {"perMonth": entry.per_month, "perHour": entry.per_hour, "amount": entry.amount}
    amounts |= {f"shares.{path}": text for path, text in entry.shares.items()}
    amounts |= {f"weights.{path}": text for path, text in entry.weights.items()}
    if entry.capacity:
        amounts |= {"capacity.tokensPerMinute": entry.capacity.tokens_per_minute}
        amounts |= {"capacity.outputCountsAs": entry.capacity.output_counts_as}
    for name, text in amounts.items():
        if text is not None and not is_decimal(text, places=6, signed=True):
            yield f'{name}: {text!r} is not a quoted decimal of at most 6 places, such as "2800.00"'
    if entry.currency is not None and (fault := currency_fault(entry.currency)):
        yield f"currency: {fault}"
    if not entry.source.strip():
        yield "source: is empty"
    if entry.verified is not None and entry.kind is CostKind.FEE:
        yield "verified: a fee is a price of your own, which nobody verifies"
    yield from _time_faults(entry)


def _time_faults(entry: _Entry) -> Iterator[str]:
    if (entry.amount is None) != (not entry.period):
        yield "period: an amount is charged in the period that it names; perMonth and perHour have effectiveFrom"
    if entry.amount is None and entry.corrects:
        yield "corrects: only an amount can correct a period"
    if entry.amount is not None and (entry.effective_from or entry.effective_to):
        yield "effectiveFrom: an amount has a period instead"
    for name, period in (("period", entry.period), ("corrects", entry.corrects)):
        try:
            month(period or "2026-01")
        except InvalidConfig as error:
            yield f"{name}: {error}"
