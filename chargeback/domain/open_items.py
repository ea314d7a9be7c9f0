"""What of a period cannot be billed exactly yet: usage without a price, and streams without token counts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from chargeback.domain.meters import Meter
from chargeback.domain.records import Part, UsageRecord
from chargeback.domain.terms import ClosingRules

_NAMED = 5
"""How many deployments a message names; the rest are counted."""


@dataclass(slots=True)
class OpenItems:
    """Added up from the records of a period.

    Attributes:
        requests: calls of the period.
        unsettled: of these, streams whose tokens are not known.
        unpriced: of these, calls with a meter that no price covers.
        lacking: rows without a price, by (deployment, model).
    """

    requests: int = 0
    unsettled: int = 0
    unpriced: int = 0
    lacking: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, records: Sequence[UsageRecord], period: str) -> None:
        """Add what the records say of the period."""
        for record in records:
            for part in record.parts:
                if part.date.startswith(period):
                    self._add(record, part)

    def _add(self, record: UsageRecord, part: Part) -> None:
        calls = sum(charge.quantity for charge in part.charges if charge.meter is Meter.REQUESTS)
        lacking = sum(charge.state == "unpriced" for charge in part.charges)
        self.requests += calls
        if record.line.state == "unsettled":
            self.unsettled += calls
        if lacking:
            # Usage that only repairs a count can be without a call of its own; it must not pass as nothing.
            self.unpriced += max(calls, 1)
            self.lacking[record.line.deployment, record.line.model or "unknown model"] += lacking


class Excess(NamedTuple):
    """Why items keep a period open: what there is of them, what to do about it, and how much there is of each."""

    fact: str
    remedy: str
    parts: Mapping[str, int]


def beyond_tolerance(items: OpenItems, rules: ClosingRules) -> list[Excess]:
    """What the rules do not let pass; empty where the period can be closed."""
    return [*_unsettled(items, rules), *_unpriced(items, rules)]


def _unsettled(items: OpenItems, rules: ClosingRules) -> Iterator[Excess]:
    if _is_beyond(items.unsettled, items.requests, rules.unsettled_percent):
        yield Excess(
            f"{_share(items.unsettled, items.requests)} unsettled: streamed calls without token counts;"
            f" allowed are {rules.unsettled_percent} %",
            "run `settle`, and see why the gateway's log has no counts",
            {"unsettled": items.unsettled},
        )


def _unpriced(items: OpenItems, rules: ClosingRules) -> Iterator[Excess]:
    if _is_beyond(items.unpriced, items.requests, rules.unpriced_percent):
        named = ", ".join(
            f"{deployment} ({model}): {rows} rows" for (deployment, model), rows in items.lacking.most_common(_NAMED)
        )
        more = f" and {len(items.lacking) - _NAMED} more" if len(items.lacking) > _NAMED else ""
        yield Excess(
            f"{_share(items.unpriced, items.requests)} unpriced: {named}{more}; allowed are {rules.unpriced_percent} %",
            "add the prices or deployments to config/, then `config apply`",
            {"unpriced": items.unpriced}
            | {f"unpriced {deployment} {model}": rows for (deployment, model), rows in items.lacking.items()},
        )


def _is_beyond(some: int, requests: int, percent: Decimal) -> bool:
    return Decimal(some) * 100 > percent * requests


def _share(some: int, requests: int) -> str:
    percent = Decimal(some) * 100 / max(requests, 1)
    return f"{some} of {requests} requests ({percent:.3f} %) {'is' if some == 1 else 'are'}"
