"""How much usage of a period cannot be billed exactly yet, and whether that keeps the period from closing.

Usage without a price, calls without known usage, and estimates. The first two are valued, so that one large batch
does not go unnoticed among many small calls: usage without a price at the dearest price of its meter on the rate card,
a call without known usage at the average cost of a call in the period.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.money.exact import EXACT, ZERO, to_text, total
from chargeback.domain.money.exact import cost as cost_of
from chargeback.domain.money.numerals import bare_amount, grouped, said_amount
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.rating.usage_record import RecordPart, UsageRecord
from chargeback.domain.terms.terms import ClosingRules
from chargeback.domain.time.effective import Effective
from chargeback.domain.time.months import Month
from chargeback.domain.usage.meters import Meter
from chargeback.domain.usage.states import LineState

_NAMED = 5
"""How many deployments a message names; the rest are counted."""


@dataclass(slots=True)
class OpenItems:
    """The open items of a period, added up from its records.

    Attributes:
        requests: calls of the period.
        unsettled: those whose usage is not known: streams, clients that left, time-outs and others.
        unpriced: those with a meter that no price covers.
        lacking: rows without a price, by (deployment, model).
        unpriced_quantities: what they have of each meter.
        cost: the cost of all usage that has one, in the currency of the rate card.
        estimated: the part of that cost that rests on estimates.
    """

    requests: int = 0
    unsettled: int = 0
    unpriced: int = 0
    lacking: Counter[tuple[str, str]] = field(default_factory=Counter)
    unpriced_quantities: Counter[Meter] = field(default_factory=Counter)
    cost: Decimal = ZERO
    estimated: Decimal = ZERO

    def add(self, records: Sequence[UsageRecord], period: Month) -> None:
        """Add what the records say of the period."""
        for record in records:
            for part in record.parts:
                if part.date.startswith(period):
                    self._add(record, part)

    def _add(self, record: UsageRecord, part: RecordPart) -> None:
        calls = sum(charge.quantity for charge in part.charges if charge.meter is Meter.REQUESTS)
        lacking = sum(charge.state == LineState.UNPRICED for charge in part.charges)
        self.requests += calls
        self.cost = EXACT.add(self.cost, part.cost)
        if record.line.state == LineState.ESTIMATED:
            self.estimated = EXACT.add(self.estimated, part.cost)
        if record.line.state == LineState.UNSETTLED:
            self.unsettled += calls
        if lacking:
            # A line that only corrects quantities may count no call of its own. It still is one open item, not zero.
            self.unpriced += max(calls, 1)
            self.lacking[record.line.deployment, record.line.model or "unknown model"] += lacking
            for charge in part.charges:
                if charge.state == LineState.UNPRICED:
                    self.unpriced_quantities[charge.meter] += charge.quantity

    def merge(self, other: "OpenItems") -> None:
        """Add the items of other records."""
        self.requests += other.requests
        self.unsettled += other.unsettled
        self.unpriced += other.unpriced
        self.lacking.update(other.lacking)
        self.unpriced_quantities.update(other.unpriced_quantities)
        self.cost = EXACT.add(self.cost, other.cost)
        self.estimated = EXACT.add(self.estimated, other.estimated)

    def worth_of_unpriced(self, dearest: Mapping[Meter, Decimal]) -> Decimal | None:
        """What usage without a price is worth at most; None where a meter has no price at all."""
        if any(meter not in dearest for meter in self.unpriced_quantities):
            return None
        return total([cost_of(quantity, dearest[meter]) for meter, quantity in self.unpriced_quantities.items()])

    def worth_of_unsettled(self) -> Decimal | None:
        """What calls without usage are worth if they are like the other calls; None where there is no other."""
        if not self.unsettled:
            return ZERO
        others = self.requests - self.unsettled
        return EXACT.multiply(self.cost / others, Decimal(self.unsettled)) if others else None


class Excess(NamedTuple):
    """Why open items keep a period open: which they are, what to do about them, and how much there is of each."""

    kind: ObstacleKind
    fact: str
    remedy: str
    parts: Mapping[str, int]


def dearest_prices(catalogue: Catalogue, time: Effective) -> dict[Meter, Decimal]:
    """By meter, the highest price per million that the rate card has for anybody within a time."""
    found: dict[Meter, Decimal] = {}
    cards = (catalogue.prices, *catalogue.payers.prices.values())
    for price in (price for card in cards for dated in card.values() for price in dated):
        dearest = found.get(price.meter)
        if (dearest is None or price.per_million > dearest) and price.effective.overlaps(time):
            found[price.meter] = price.per_million
    return found


def beyond_tolerance(
    items: OpenItems,
    rules: ClosingRules,
    dearest: Mapping[Meter, Decimal],
    currency: str,
    remedies: Mapping[LineState, str],
) -> list[Excess]:
    """The open items beyond the tolerance of the rules; empty where the period can be closed.

    `dearest`: by meter, the highest price per million in the period; all amounts are in `currency`, the rate card's.
    `remedies`: what to do about each state.
    """
    unsettled, unpriced = items.worth_of_unsettled(), items.worth_of_unpriced(dearest)
    return [
        *_unsettled(items, rules, remedies[LineState.UNSETTLED]),
        *_unpriced(items, rules, remedies[LineState.UNPRICED]),
        *_worth(LineState.UNSETTLED, unsettled, rules.unsettled_amount, currency, remedies[LineState.UNSETTLED]),
        *_worth(LineState.UNPRICED, unpriced, rules.unpriced_amount, currency, remedies[LineState.UNPRICED]),
        *_estimated(items, rules, currency, remedies[LineState.ESTIMATED]),
    ]


def _worth(
    state: LineState, worth: Decimal | None, limit: Decimal | None, currency: str, remedy: str
) -> Iterator[Excess]:
    if limit is None or (worth is not None and worth <= limit):
        return
    amount = "nobody can say how much" if worth is None else f"about {said_amount(worth, currency)}"
    yield Excess(
        ObstacleKind.UNSETTLED if state is LineState.UNSETTLED else ObstacleKind.UNPRICED,
        f"what is {state} is worth {amount}; allowed are {grouped(limit)} {currency}",
        remedy,
        {f"{state} amount": _cents(worth)},
    )


def _estimated(items: OpenItems, rules: ClosingRules, currency: str, remedy: str) -> Iterator[Excess]:
    of_cost = EXACT.multiply(items.cost, EXACT.multiply(rules.estimated_percent, Decimal("0.01")))
    if items.estimated > max(of_cost, rules.estimated_amount):
        yield Excess(
            ObstacleKind.ESTIMATED,
            f"{said_amount(items.estimated, currency)} of {bare_amount(items.cost, currency)} rest on estimates;"
            f" allowed are {to_text(rules.estimated_percent)} % or {grouped(rules.estimated_amount)} {currency}",
            remedy,
            {"estimated amount": _cents(items.estimated)},
        )


def _cents(amount: Decimal | None) -> int:
    """An amount in cents, rounded up so that no higher amount looks the same; an unknown one is the largest."""
    return sys.maxsize if amount is None else math.ceil(amount * 100)


def _unsettled(items: OpenItems, rules: ClosingRules, remedy: str) -> Iterator[Excess]:
    if _is_beyond(items.unsettled, items.requests, rules.unsettled_percent):
        yield Excess(
            ObstacleKind.UNSETTLED,
            f"{_share(items.unsettled, items.requests)} unsettled: calls whose usage is not known;"
            f" allowed are {rules.unsettled_percent} %",
            remedy,
            {LineState.UNSETTLED.value: items.unsettled},
        )


def _unpriced(items: OpenItems, rules: ClosingRules, remedy: str) -> Iterator[Excess]:
    if _is_beyond(items.unpriced, items.requests, rules.unpriced_percent):
        named = ", ".join(
            f"{deployment} ({model}): {rows} rows" for (deployment, model), rows in items.lacking.most_common(_NAMED)
        )
        more = f" and {len(items.lacking) - _NAMED} more" if len(items.lacking) > _NAMED else ""
        yield Excess(
            ObstacleKind.UNPRICED,
            f"{_share(items.unpriced, items.requests)} unpriced: {named}{more}; allowed are {rules.unpriced_percent} %",
            remedy,
            {LineState.UNPRICED.value: items.unpriced}
            | {f"unpriced {deployment} {model}": rows for (deployment, model), rows in items.lacking.items()},
        )


def _is_beyond(some: int, requests: int, percent: Decimal) -> bool:
    return Decimal(some) * 100 > percent * requests


def _share(some: int, requests: int) -> str:
    percent = Decimal(some) * 100 / max(requests, 1)
    return f"{some} of {requests} requests ({percent:.3f} %) {'is' if some == 1 else 'are'}"
