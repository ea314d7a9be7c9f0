"""Finds the days and hours on which a cost centre's spend stands out from its own pattern."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

import numpy as np

from chargeback.domain.money.exact import ZERO
from chargeback.domain.outlook.anomalies import Finding, Sensitivity, Slot
from chargeback.domain.time.days import BookDate, D, days_between, shifted
from chargeback.services.forecasting.hourly_spend import PATTERN_DAYS, HoursOfDay
from chargeback.services.forecasting.patterns import usual_days, usual_hours
from chargeback.services.forecasting.series import WEEK
from chargeback.services.forecasting.spend_history import History

_LEAST_DAYS_OF_A_KIND = 6
"""Fewer working days, or weekend days, make no pattern of the hours. Four weeks have eight weekend days."""

_REFERENCES = 4


def unusual_dates(history: History, first: BookDate, last: BookDate, sensitivity: Sensitivity) -> Iterator[Finding]:
    """The days from `first` to `last` that stand out; the history has to end with the last whole day."""
    for centre in history.centres:
        spend = history.alone(centre)
        costs = spend.since_first(history.last)
        days = days_between(shifted(history.last, 1 - len(costs)), history.last)
        pattern = usual_days([float(cost) for cost in costs], date.fromisoformat(days[0]).weekday())
        if pattern is None or spend.is_mixed:
            continue
        by_date = dict(zip(days, costs, strict=True))
        for day, usual, deviations in zip(days, *pattern, strict=True):
            if first <= day <= last and _stands_out(by_date[day], usual, deviations, sensitivity):
                reference = _nearest(by_date, day, usual)
                yield Finding(Slot(day, centre), spend.currency, by_date[day], float(usual), reference)


def unusual_hours(known: Sequence[HoursOfDay], sensitivity: Sensitivity) -> Iterator[Finding]:
    """The hours of whole UTC days that stand out; the first PATTERN_DAYS of the days are the pattern only."""
    for index in range(PATTERN_DAYS, len(known)):
        yield from _unusual_hours(known[index - PATTERN_DAYS : index], known[index], sensitivity)


def _unusual_hours(before: Sequence[HoursOfDay], of: HoursOfDay, sensitivity: Sensitivity) -> Iterator[Finding]:
    same_kind = [each for each in before if each.is_weekend == of.is_weekend]
    for centre in of.by_centre:
        first = next((index for index, each in enumerate(same_kind) if centre in each.by_centre), len(same_kind))
        since = same_kind[first:]
        currencies = {currency for each in (*since, of) for currency in each.currencies}
        if len(since) < _LEAST_DAYS_OF_A_KIND or len(currencies) > 1:
            continue
        costs = np.array([[float(cost) for cost in each.costs(centre)] for each in (*since, of)])
        pattern = usual_hours(costs[:-1], costs[-1])
        for hour, (usual, deviations) in enumerate(zip(*pattern, strict=True)):
            spent = of.costs(centre)[hour]
            if _stands_out(spent, usual, deviations, sensitivity):
                by_date = {each.day: each.costs(centre)[hour] for each in since}
                reference = _nearest(by_date, of.day, usual)
                yield Finding(Slot(of.day, centre, hour), "".join(currencies), spent, float(usual), reference)


def _stands_out(spent: Decimal, usual: float, deviations: float, sensitivity: Sensitivity) -> bool:
    return abs(deviations) > sensitivity.deviations and abs(float(spent) - usual) >= float(sensitivity.minimum)


def _nearest(by_date: Mapping[D, Decimal], day: D, usual: float) -> D:
    """The day of the same weekday in earlier weeks whose spend was nearest to the usual; the latest of equals."""
    earlier = [shifted(day, -WEEK * weeks) for weeks in range(1, _REFERENCES + 1)]
    known = [each for each in earlier if each in by_date] or earlier[:1]
    return min(known, key=lambda each: abs(float(by_date.get(each, ZERO)) - usual))
