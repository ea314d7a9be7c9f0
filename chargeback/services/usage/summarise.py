"""Makes small documents from a day's records: the sums for dashboards, the spend by the hour, and that of budgets.

With 2 000 cost centres the sums take 0.5 to 1.3 MB and the hours up to 0.9 MB; the store takes 2 MB a document. To stay
within that, only the largest entries have their names; the rest are summed as `(others)`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from chargeback.domain.errors import Superseded
from chargeback.domain.money.exact import EXACT, ZERO, cost, to_text
from chargeback.domain.rating.usage_record import Charge, RecordPart, UsageRecord
from chargeback.domain.time.days import BookDate, UtcDay
from chargeback.domain.usage.meters import Meter
from chargeback.services.ports.books import HOURS, SUMS, Books, View
from chargeback.services.ports.control import Document
from chargeback.services.running.bulkheads import reason_of
from chargeback.services.running.set_aside import SetAside, Stage
from chargeback.services.usage.watched_spend import (
    NO_WATCH,
    Watch,
    WatchedSums,
    fence_of_day,
    put_spend,
    read_spend,
    refresh_spend,
)

MAX_CENTRES_BYTES = 1_500_000
MAX_MODELS_BYTES = 300_000
"""Both together stay below the 2 MB of a document, measured as they go over the wire."""

THE_REST = "(others)"
"""The name of the rest; no cost centre can have it."""


class _Sums:
    """The sums for one name."""

    def __init__(self) -> None:
        self.cost = ZERO
        self.quantities: dict[Meter, int] = {}
        self.states: dict[str, int] = {}
        self.dates: dict[BookDate, Decimal] = {}
        self.hours = [ZERO] * 24

    def add(self, charges: Sequence[Charge]) -> None:
        for charge in charges:
            self.cost = EXACT.add(self.cost, charge.cost or ZERO)
            self.quantities[charge.meter] = self.quantities.get(charge.meter, 0) + charge.quantity
            self.states[charge.state] = self.states.get(charge.state, 0) + 1

    def add_part(self, part: RecordPart) -> None:
        self.add(part.charges)
        self.dates[part.date] = EXACT.add(self.dates.get(part.date, ZERO), part.cost)

    def merge(self, other: "_Sums") -> None:
        self.cost = EXACT.add(self.cost, other.cost)
        for meter, quantity in other.quantities.items():
            self.quantities[meter] = self.quantities.get(meter, 0) + quantity
        for state, count in other.states.items():
            self.states[state] = self.states.get(state, 0) + count
        for date, amount in other.dates.items():
            self.dates[date] = EXACT.add(self.dates.get(date, ZERO), amount)
        self.hours = [EXACT.add(mine, its) for mine, its in zip(self.hours, other.hours, strict=True)]

    def to_document(self) -> Document:
        return {
            "cost": to_text(self.cost),
            "quantities": {meter.value: self.quantities[meter] for meter in Meter if meter in self.quantities},
            "states": dict(sorted(self.states.items())),
        }

    def with_dates(self) -> Document:
        dates = {date: to_text(cost) for date, cost in sorted(self.dates.items())}
        return self.to_document() | {"dates": dates}

    def by_hour(self) -> list[str]:
        return [to_text(cost) for cost in self.hours]


class DaySummary:
    """Adds up a day's records by cost centre and by model."""

    def __init__(self, day: UtcDay) -> None:
        self._day = day
        self._total = _Sums()
        self._centres: dict[str, _Sums] = {}
        self._models: dict[str, _Sums] = {}
        self._currencies: set[str] = set()

    def add(self, records: Sequence[UsageRecord]) -> None:
        """Add a page of records."""
        for record in records:
            self._currencies.add(record.currency)
            self._total.add(record.charges)
            self._models.setdefault(record.line.model or record.line.deployment, _Sums()).add(record.charges)
            for part in record.parts:
                self._centres.setdefault(part.cost_centre, _Sums()).add_part(part)
            for centre, hour, amount in hourly_costs(record):
                hours = self._centres.setdefault(centre, _Sums()).hours
                hours[hour] = EXACT.add(hours[hour], amount)

    def to_document(self) -> dict[str, Any]:
        """The sums; `states` counts charges by their state, `dates` are the dates of the books that the day touches."""
        return {
            "day": self._day,
            "currencies": sorted(self._currencies),
            "total": self._total.to_document(),
            "costCentres": _largest(self._centres, _Sums.with_dates, MAX_CENTRES_BYTES),
            "models": _largest(self._models, _Sums.to_document, MAX_MODELS_BYTES),
        }

    def hours_to_document(self) -> Document:
        """The cost of each UTC hour, 0 to 23, by cost centre; only centres that cost anything."""
        spending = {name: sums for name, sums in self._centres.items() if any(sums.hours)}
        centres = _largest(spending, _Sums.by_hour, MAX_CENTRES_BYTES)
        return {"day": self._day, "currencies": sorted(self._currencies), "costCentres": centres}


def _largest(found: Mapping[str, _Sums], told: Callable[[_Sums], Any], limit: int) -> dict[str, Any]:
    """As many of the largest as fit into `limit` bytes, by name, and the rest as one."""
    documents = {name: told(sums) for name, sums in found.items()}
    sizes = {name: len(msgspec.json.encode({name: document})) for name, document in documents.items()}
    if sum(sizes.values()) <= limit:
        return dict(sorted(documents.items()))
    others, size, kept = _Sums(), 0, {}
    for name in sorted(found, key=lambda each: (-found[each].cost, -_calls(found[each]), each)):
        size += sizes[name]
        # Half a percent is left for the rest itself: a sum has as many meters, states and dates as any of its parts.
        if size <= limit * 0.995 and name != THE_REST:
            kept[name] = documents[name]
        else:
            others.merge(found[name])
    return dict(sorted({**kept, THE_REST: told(others)}.items()))


def _calls(sums: _Sums) -> int:
    return sums.quantities.get(Meter.REQUESTS, 0)


def hourly_costs(record: UsageRecord) -> Iterator[tuple[str, int, Decimal]]:
    """What a record costs in each UTC hour: (cost centre, hour, cost), which sum to its cost exactly.

    A record says how much of a meter each hour has and how much each charge has, but not which hour a charge is of.
    The charges are in the order of time, so the hours are dealt out to them in that order. Only where a price or a
    payer returns within a day may an hour show the price of another one.
    """
    waiting = {meter: list(found) for meter, found in _by_meter(record).items()}
    for hour, quantities in sorted(record.hours.items()):
        for meter, quantity in quantities.items():
            queue = waiting.get(meter, [])
            while quantity and queue:
                centre, left, per_million = queue[0]
                taken = min(quantity, left)
                quantity -= taken
                queue[0] = centre, left - taken, per_million
                if left == taken:
                    del queue[0]
                if per_million:
                    yield centre, hour, cost(taken, per_million)


def _by_meter(record: UsageRecord) -> dict[Meter, list[tuple[str, int, Decimal | None]]]:
    found: dict[Meter, list[tuple[str, int, Decimal | None]]] = {}
    for part in sorted(record.parts, key=lambda part: part.date):
        for charge in part.charges:
            per_million = None if charge.cost is None else charge.per_million
            found.setdefault(charge.meter, []).append((part.cost_centre, charge.quantity, per_million))
    return found


async def summarise_or_set_aside(
    books: Books, day: UtcDay, set_aside: SetAside, watch: Watch = NO_WATCH, *, afresh: bool = False
) -> None:
    """Refresh the documents; a day that cannot be summarised is posted and audited all the same.

    Whoever needs its sums to be right sees by their fence that they are outdated.
    """
    fault = {}
    try:
        await (summarise if afresh else refresh_summary)(books, day, watch)
    except Exception as error:  # noqa: BLE001 whatever is wrong with the summary, the records are in the books
        fault = {"summary": reason_of(error)}
    await set_aside.note(Stage.SUMMARISE, day, fault)


async def refresh_summary(books: Books, day: UtcDay, watch: Watch = NO_WATCH) -> None:
    """Summarise a day unless its documents were made from the books as they are now.

    A run that died between the records and the documents left the earlier documents.
    """
    fence = await fence_of_day(books, day)
    known = await books.summary(day, SUMS)
    if fence and (known is None or known[0].get("fence") != fence):
        await summarise(books, day, watch)
    elif fence and watch:
        await refresh_spend(books, day, watch)


async def summarise(books: Books, day: UtcDay, watch: Watch = NO_WATCH) -> None:
    """Set the day's summary, its hours and what budgets watch from its records.

    The tokens of all are read before the records are, so a run that read older records cannot replace what one that
    read newer ones has set. The fence of the books is read before them, too: the sums, which are set last, say with it
    what all were made from.
    """
    while True:
        known = [await books.summary(day, SUMS), await books.summary(day, HOURS)]
        before = await read_spend(books, day) if watch else None
        fence = await fence_of_day(books, day)
        summary, watched = DaySummary(day), WatchedSums(watch.scopes)
        async for page in books.records(day):
            summary.add(page)
            watched.add(page)
        try:
            await _put(books, day, HOURS, summary.hours_to_document(), known[1])
            if watch:
                await put_spend(books, day, watched.spend(fence, watch.counted), before)
            await _put(books, day, SUMS, summary.to_document() | {"fence": fence}, known[0])
        except Superseded:
            continue
        return


async def _put(books: Books, day: UtcDay, view: View, document: Document, known: tuple[Document, str] | None) -> None:
    if known is None or known[0] != document:
        await books.put_summary(day, document, known[1] if known else None, view)
