"""Finding the days and hours on which a cost centre's spend stands out from its pattern, and what moved it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from chargeback.domain.anomalies import Sensitivity, Slot
from chargeback.domain.money import ZERO
from chargeback.services.patterns import WEEK, Floats, usual_days, usual_hours
from chargeback.services.ports import HOURS, Books
from chargeback.services.spend_history import History, dates_between, shifted

_HOURLY_DAYS = 28
_LEAST_DAYS_OF_A_KIND = 6
"""Fewer working days, or weekend days, make no pattern of the hours. Four weeks have eight weekend days."""

_REFERENCES = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """A day or an hour that stands out: what is usual, and the same one of an earlier week that was most like it."""

    slot: Slot
    currency: str
    spent: Decimal
    usual: float
    reference: str


def unusual_dates(history: History, first: str, last: str, sensitivity: Sensitivity) -> Iterator[Finding]:
    """The days from `first` to `last` that stand out; the history has to end with the last whole day."""
    for centre in history.centres:
        spend = history.alone(centre)
        costs = spend.since_first(history.last)
        days = dates_between(shifted(history.last, 1 - len(costs)), history.last)
        pattern = usual_days([float(cost) for cost in costs], date.fromisoformat(days[0]).weekday())
        if pattern is None or len(spend.currencies) > 1:
            continue
        by_date = dict(zip(days, costs, strict=True))
        for day, usual, deviations in zip(days, *pattern, strict=True):
            if first <= day <= last and _stands_out(by_date[day], usual, deviations, sensitivity):
                reference = _nearest(by_date, day, usual)
                yield Finding(Slot(day, centre), spend.currency, by_date[day], float(usual), reference)


async def unusual_hours(books: Books, days: Sequence[str], sensitivity: Sensitivity) -> list[Finding]:
    """The hours of UTC days that stand out; whole days only, ascending and without gaps."""
    known = [await _Hours.read(books, day) for day in dates_between(shifted(days[0], -_HOURLY_DAYS), days[-1])]
    return [
        finding
        for index in range(_HOURLY_DAYS, len(known))
        for finding in _unusual_hours(known[index - _HOURLY_DAYS : index], known[index], sensitivity)
    ]


class _Hours:
    """The hours of a UTC day; a day without a summary has no spend."""

    def __init__(self, day: str, currencies: Sequence[str], costs: Mapping[str, Sequence[str]]) -> None:
        self.day = day
        self.currencies = currencies
        self._costs = costs
        self.centres = sorted(costs)
        self.is_weekend = date.fromisoformat(day).weekday() >= 5

    @classmethod
    async def read(cls, books: Books, day: str) -> "_Hours":
        found = await books.summary(day, HOURS)
        return cls(day, found[0]["currencies"], found[0]["costCentres"]) if found else cls(day, [], {})

    def cost(self, centre: str, hour: int) -> Decimal:
        return Decimal(self._costs[centre][hour]) if centre in self._costs else ZERO

    def floats(self, centre: str) -> Floats:
        return np.array(self._costs.get(centre, ("0",) * 24), dtype=np.float64)


def _unusual_hours(before: Sequence[_Hours], of: _Hours, sensitivity: Sensitivity) -> Iterator[Finding]:
    same_kind = [each for each in before if each.is_weekend == of.is_weekend]
    for centre in of.centres:
        first = next((index for index, each in enumerate(same_kind) if centre in each.centres), len(same_kind))
        since = same_kind[first:]
        currencies = {currency for each in (*since, of) for currency in each.currencies}
        if len(since) < _LEAST_DAYS_OF_A_KIND or len(currencies) > 1:
            continue
        pattern = usual_hours(np.array([each.floats(centre) for each in since]), of.floats(centre))
        for hour, (usual, deviations) in enumerate(zip(*pattern, strict=True)):
            spent = of.cost(centre, hour)
            if _stands_out(spent, usual, deviations, sensitivity):
                by_date = {each.day: each.cost(centre, hour) for each in since}
                reference = _nearest(by_date, of.day, usual)
                yield Finding(Slot(of.day, centre, hour), "".join(currencies), spent, float(usual), reference)


def _stands_out(spent: Decimal, usual: float, deviations: float, sensitivity: Sensitivity) -> bool:
    return abs(deviations) > sensitivity.deviations and abs(float(spent) - usual) >= float(sensitivity.minimum)


def _nearest(by_date: Mapping[str, Decimal], day: str, usual: float) -> str:
    """Of the same weekday in the weeks before, the day whose spend was nearest to the usual; the latest of equals."""
    earlier = [shifted(day, -WEEK * weeks) for weeks in range(1, _REFERENCES + 1)]
    known = [each for each in earlier if each in by_date] or earlier[:1]
    return min(known, key=lambda each: abs(float(by_date.get(each, ZERO)) - usual))
