"""Reads the price agreements: discounts, negotiated prices and markups, each with its effective time."""

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from chargeback.adapters.config.decimals import is_decimal
from chargeback.adapters.config.entries import Record, Sections, each
from chargeback.adapters.config.times import Since, effective
from chargeback.domain.catalogue.adjustments import Adjustment
from chargeback.domain.catalogue.prices import Verified
from chargeback.domain.deployments.deployment import DeploymentType
from chargeback.domain.terms.shared_costs import CostKind
from chargeback.domain.time.calendar import Calendar
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.tiers import TIERS

_METERS = {meter.value for meter in Meter if meter is not Meter.UNKNOWN}


class _When(Record, frozen=True):
    provider: str | None = None
    model: str | None = None
    versions: list[str] | None = None
    deployment_types: list[DeploymentType] | None = None
    service_tier: str | None = None
    regions: list[str] | None = None
    variant: str | None = None
    meters: list[Meter] | None = None
    cost_centres: list[str] | None = None


class _Entry(Since, frozen=True):
    id: str
    source: str
    when: _When = _When()
    discount: str | None = None
    markup: str | None = None
    contracted_per_million: dict[str, Any] | None = None
    shared_costs: list[CostKind] | None = None
    verified: Verified | None = None


AGREED_SECTIONS = Sections({"adjustments": list[_Entry]})


def adjustments(document: object, calendar: Calendar, faults: list[str]) -> list[tuple[str, Adjustment]]:
    """The adjustments with their places, in order; what is wrong is appended to `faults`."""
    found: list[tuple[str, Adjustment]] = []
    ids: set[str] = set()
    for place, entry in each(document, _Entry, "adjustments", faults):
        wrong: list[str] = []
        time = effective(entry, calendar, place, wrong)
        wrong += [f"{place}.{fault}" for fault in (*time.faults(), *_faults(entry, ids))]
        ids.add(entry.id)
        faults += wrong
        if not wrong:
            found.append((place, _adjustment(entry, time)))
    return found


def unknown_payers(card: object, known: Collection[str]) -> list[str]:
    """Cost centres that the adjustments of a rate card document name but that do not exist."""
    document = card.get("adjustments") if isinstance(card, dict) else None
    return [
        f"{place}.when.costCentres: {path!r} is not under costCentres"
        for place, entry in each(document or [], _Entry, "adjustments", [])
        for path in entry.when.cost_centres or ()
        if path not in known
    ]


def _adjustment(entry: _Entry, time: Effective) -> Adjustment:
    return Adjustment(
        id=entry.id,
        source=entry.source,
        effective=time,
        when=dict(_selected(entry.when)),
        contracted={Meter(name): Decimal(amount) for name, amount in (entry.contracted_per_million or {}).items()},
        discount=Decimal(entry.discount) if entry.discount else None,
        markup=Decimal(entry.markup) if entry.markup else None,
        payers=tuple(entry.when.cost_centres or ()),
        shared=frozenset(kind.value for kind in entry.shared_costs or ()),
        verified=entry.verified,
    )


def _selected(when: _When) -> Iterator[tuple[str, frozenset[str]]]:
    """Field of a price's key → its values."""
    single = ("provider", when.provider), ("service_tier", when.service_tier), ("variant", when.variant)
    model = when.model.casefold() if when.model is not None else None
    for name, value in (*single, ("model", model)):
        if value is not None:
            yield name, frozenset({value})
    lists = (
        ("version", when.versions),
        ("deployment_type", when.deployment_types),
        ("region", when.regions),
        ("meter", when.meters),
    )
    for name, values in lists:
        if values is not None:
            yield name, frozenset(values)


def _faults(entry: _Entry, ids: set[str]) -> Iterator[str]:
    if not entry.id.strip() or entry.id in ids:
        yield f"id: {entry.id!r} is empty or there twice"
    if not entry.source.strip():
        yield "source: is empty; name the agreement"
    said = [entry.discount, entry.markup, entry.contracted_per_million]
    if sum(each is not None for each in said) != 1:
        yield "id: has to have one of discount, markup and contractedPerMillion, and only one"
    if entry.verified is not None and entry.contracted_per_million is None:
        yield "verified: belongs to contractedPerMillion; a discount and a markup rest on the list price"
    yield from _when_faults(entry.when)
    yield from _payer_faults(entry)
    yield from _percent_faults(entry)
    yield from _amount_faults(entry)


def _when_faults(when: _When) -> Iterator[str]:
    lists = ("versions", when.versions), ("deploymentTypes", when.deployment_types)
    for name, values in (*lists, ("regions", when.regions), ("meters", when.meters)):
        if values is not None and not values:
            yield f"when.{name}: names none; leave it out to mean all"
    if when.service_tier is not None and when.service_tier not in TIERS:
        yield f"when.serviceTier: {when.service_tier!r} is not one of {', '.join(TIERS)}"


def _payer_faults(entry: _Entry) -> Iterator[str]:
    """Faults of `payers`: what the provider agreed to cannot depend on who pays; only a markup can."""
    payers, shared = entry.when.cost_centres, entry.shared_costs
    for name, values in (("when.costCentres", payers), ("sharedCosts", shared)):
        if values is not None and entry.markup is None:
            yield f"{name}: belongs to a markup"
        if values is not None and (not values or len(set(values)) < len(values)):
            yield f"{name}: names none, or one twice"
    if shared and any(
        getattr(entry.when, name) is not None for name in _When.__struct_fields__ if name != "cost_centres"
    ):
        yield "sharedCosts: belongs to a markup for cost centres or for everybody, which names no prices in `when`"


def _percent_faults(entry: _Entry) -> Iterator[str]:
    for name, text, most in (("discount", entry.discount, 100), ("markup", entry.markup, 999)):
        if text is not None and not (is_decimal(text, digits=3, places=6) and 0 < Decimal(text) <= most):
            yield f'{name}: {text!r} is not a quoted percentage above 0 and up to {most}, such as "12.5"'


def _amount_faults(entry: _Entry) -> Iterator[str]:
    amounts = entry.contracted_per_million
    if amounts is None:
        return
    if not amounts:
        yield "contractedPerMillion: names no meter"
    if entry.when.meters is not None:
        yield "when.meters: contractedPerMillion names the meters"
    for name, amount in amounts.items():
        if name not in _METERS:
            yield f"contractedPerMillion.{name}: no such meter; there are {', '.join(Meter)}"
        elif not is_decimal(amount, places=12):
            yield f"contractedPerMillion.{name}: {amount!r} is not a quoted decimal of at most 12 places"
