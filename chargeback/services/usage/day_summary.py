"""Adds up a day's records by cost centre, by model and by UTC hour, as the day's documents say it.

With 2 000 cost centres the sums take 0.5 to 1.3 MB and the hours up to 0.9 MB; the store takes 2 MB a document. To stay
within that, only the largest entries have their names; the rest are summed as `(others)`.

What is in a document depends on the sums alone, so that sums which were changed say the same as sums made again.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from chargeback.domain.money.exact import EXACT, ZERO, to_text
from chargeback.domain.rating.usage_record import Charge, UsageRecord
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import WITHOUT_COST
from chargeback.services.ports.control import Document
from chargeback.services.usage.hourly_costs import hourly_costs

MAX_CENTRES_BYTES = 1_500_000
MAX_MODELS_BYTES = 300_000
"""Both together stay below the 2 MB of a document, measured as they go over the wire."""

THE_REST = "(others)"
"""The name of the rest; no cost centre can have it."""


class _Sums:
    """The sums for one name; `states` counts charges, and `unknown` by date those whose cost is not known."""

    __slots__ = ("cost", "dates", "hours", "quantities", "states", "unknown")

    def __init__(self) -> None:
        self.cost = ZERO
        self.quantities: dict[Meter, int] = {}
        self.states: dict[str, int] = {}
        self.dates: dict[BookDate, Decimal] = {}
        self.unknown: dict[BookDate, int] = {}
        self.hours = [ZERO] * 24

    def merge(self, other: "_Sums", sign: int = 1) -> None:
        """Add other sums, or take them off again with a sign of -1."""
        self.cost = _add(self.cost, other.cost, sign)
        for meter, quantity in other.quantities.items():
            self.quantities[meter] = self.quantities.get(meter, 0) + sign * quantity
        for state, count in other.states.items():
            self.states[state] = self.states.get(state, 0) + sign * count
        for date, amount in other.dates.items():
            self.dates[date] = _add(self.dates.get(date, ZERO), amount, sign)
        for date, count in other.unknown.items():
            self.unknown[date] = self.unknown.get(date, 0) + sign * count
        self.hours = [_add(mine, its, sign) for mine, its in zip(self.hours, other.hours, strict=True)]

    @property
    def is_empty(self) -> bool:
        """Whether no charge is left."""
        return not any(self.states.values())

    def to_document(self) -> Document:
        return {
            "cost": to_text(self.cost),
            "quantities": {meter.value: found for meter in Meter if (found := self.quantities.get(meter))},
            "states": {state: count for state, count in sorted(self.states.items()) if count},
        }

    def with_dates(self) -> Document:
        dates = {date: to_text(cost) for date, cost in sorted(self.dates.items())}
        unknown = {date: count for date, count in sorted(self.unknown.items()) if count}
        return self.to_document() | {"dates": dates} | ({"unknown": unknown} if unknown else {})

    def by_hour(self) -> list[str]:
        return [to_text(cost) for cost in self.hours]


def _add(to: Decimal, amount: Decimal, sign: int) -> Decimal:
    return EXACT.add(to, amount) if sign > 0 else EXACT.subtract(to, amount)


class DaySummary:
    """Adds up a day's records by cost centre and by model.

    Attributes:
        records: how many were added, those without any usage included.
        currencies: the records'.
    """

    def __init__(self, day: UtcDay) -> None:
        self._day = day
        self.centres: dict[str, _Sums] = {}
        self.models: dict[str, _Sums] = {}
        self.currencies: set[str] = set()
        self.records = 0

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Add a page of records."""
        self.records += len(records)
        for record in records:
            self.currencies.add(record.currency)
            model = _sums_of(self.models, record.line.model or record.line.deployment)
            for part in record.parts:
                cost, payer = part.cost, _sums_of(self.centres, part.cost_centre)
                _add_charges(part.charges, cost, model, payer)
                payer.dates[part.date] = EXACT.add(payer.dates.get(part.date, ZERO), cost)
                if without_cost := part.without_cost:
                    payer.unknown[part.date] = payer.unknown.get(part.date, 0) + without_cost
            for centre, hour, amount in hourly_costs(record):
                hours = _sums_of(self.centres, centre).hours
                hours[hour] = EXACT.add(hours[hour], amount)

    def changed(self, replaced: "DaySummary", written: "DaySummary") -> "DaySummary | None":
        """The sums after some of the records were replaced and others written.

        None where sums do not tell: which currencies are left of several, or whether a date still has charges that
        cost nothing.
        """
        found = DaySummary(self._day)
        found.records = self.records - replaced.records + written.records
        found.currencies = self.currencies | written.currencies
        if len(found.currencies) > 1:
            return None
        for mine, before, less, more in (
            (found.centres, self.centres, replaced.centres, written.centres),
            (found.models, self.models, replaced.models, written.models),
        ):
            for name in before.keys() | more.keys():
                sums = _changed(before.get(name), less.get(name), more.get(name))
                if sums is None:
                    return None
                mine[name] = sums
        return found

    def to_document(self) -> dict[str, Any]:
        """The sums by cost centre and by model.

        `states` counts charges by their state, `dates` are the dates of the books that the day touches, and `unknown`
        says on which of these how many charges have no known cost.
        """
        total = _Sums()
        for sums in self.models.values():
            total.merge(sums)
        return {
            "day": self._day,
            "records": self.records,
            "currencies": sorted(self.currencies),
            "total": total.to_document(),
            "costCentres": _largest(self.centres, _Sums.with_dates, MAX_CENTRES_BYTES),
            "models": _largest(self.models, _Sums.to_document, MAX_MODELS_BYTES),
        }

    def hours_to_document(self) -> Document:
        """The cost of each UTC hour, 0 to 23, by cost centre; only centres that cost anything."""
        spending = {name: sums for name, sums in self.centres.items() if any(sums.hours)}
        centres = _largest(spending, _Sums.by_hour, MAX_CENTRES_BYTES)
        return {"day": self._day, "currencies": sorted(self.currencies), "costCentres": centres}


def sums_in_documents(day: UtcDay, sums: Document, hours: Document) -> DaySummary | None:
    """The sums that two documents of the same records say; None where they do not say everything of every entry."""
    if any(THE_REST in named for named in (sums["costCentres"], sums["models"], hours["costCentres"])):
        return None
    if any(lacks_unknown(each) for each in sums["costCentres"].values()):
        return None
    found = DaySummary(day)
    found.records = sums["records"]
    found.currencies = set(sums["currencies"])
    found.models = {name: _from_document(each) for name, each in sums["models"].items()}
    found.centres = {name: _from_document(each) for name, each in sums["costCentres"].items()}
    for name, costs in hours["costCentres"].items():
        found.centres[name].hours = [Decimal(cost) for cost in costs]
    return found


def lacks_unknown(sums: Document) -> bool:
    """Whether sums of a cost centre, by an older version, do not say on which date a cost is not known."""
    return "unknown" not in sums and charges_without_cost(sums) > 0


def charges_without_cost(sums: Document) -> int:
    """How many charges of one name have a cost that is not known."""
    return sum(sums.get("states", {}).get(state, 0) for state in WITHOUT_COST)


def _from_document(document: Document) -> _Sums:
    found = _Sums()
    found.cost = Decimal(document["cost"])
    found.quantities = {Meter(meter): quantity for meter, quantity in document["quantities"].items()}
    found.states = dict(document["states"])
    found.dates = {date: Decimal(cost) for date, cost in document.get("dates", {}).items()}
    found.unknown = dict(document.get("unknown", {}))
    return found


def _add_charges(charges: Sequence[Charge], cost: Decimal, model: _Sums, payer: _Sums) -> None:
    """Add charges, which cost so much together, to the sums of their model and of their payer in one pass."""
    model.cost, payer.cost = EXACT.add(model.cost, cost), EXACT.add(payer.cost, cost)
    of_model, of_payer = model.quantities, payer.quantities
    for charge in charges:
        meter, quantity, state = charge.meter, charge.quantity, charge.state
        of_model[meter] = of_model.get(meter, 0) + quantity
        of_payer[meter] = of_payer.get(meter, 0) + quantity
        model.states[state] = model.states.get(state, 0) + 1
        payer.states[state] = payer.states.get(state, 0) + 1


def _sums_of(by_name: dict[str, _Sums], name: str) -> _Sums:
    found = by_name.get(name)
    if found is None:
        found = by_name[name] = _Sums()
    return found


def _changed(before: _Sums | None, less: _Sums | None, more: _Sums | None) -> _Sums | None:
    found = _Sums()
    for sums, sign in ((before, 1), (more, 1), (less, -1)):
        if sums is not None:
            found.merge(sums, sign)
    if less is not None and not found.is_empty:
        written = more.dates if more else {}
        if any(not found.dates[date] for date in less.dates.keys() - written.keys()):
            return None
    return found


def _largest(found: Mapping[str, _Sums], told: Callable[[_Sums], Any], limit: int) -> dict[str, Any]:
    """As many of the largest as fit into `limit` bytes, by name, and the rest as one."""
    documents = {name: told(sums) for name, sums in found.items() if not sums.is_empty}
    sizes = {name: len(msgspec.json.encode({name: document})) for name, document in documents.items()}
    if sum(sizes.values()) <= limit:
        return dict(sorted(documents.items()))
    others, size, kept = _Sums(), 0, {}
    for name in sorted(documents, key=lambda each: (-found[each].cost, -_calls(found[each]), each)):
        size += sizes[name]
        # Half a percent is left for the rest itself: a sum has as many meters, states and dates as any of its parts.
        if size <= limit * 0.995 and name != THE_REST:
            kept[name] = documents[name]
        else:
            others.merge(found[name])
    return dict(sorted({**kept, THE_REST: told(others)}.items()))


def _calls(sums: _Sums) -> int:
    return sums.quantities.get(Meter.REQUESTS, 0)
