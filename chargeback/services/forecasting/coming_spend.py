"""Estimates what some days will have cost when they are over, from the ways in which they may turn out.

The forecast of a month and that of a budget's window are made here, so that the same spend gives the same figures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Self

import numpy as np

from chargeback.domain.outlook.forecast import Estimate, Method, to_estimate
from chargeback.services.forecasting.series import WEEK, Floats
from chargeback.services.forecasting.spend_models import paths_of

_QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
_REACHED_BY = (0.5, 0.1, 0.9)
"""The shares of ways in which an amount is reached by its expected, its earliest and its latest date."""

Dates = tuple[int | None, int | None, int | None]
"""In how many days: expected, earliest, latest. 0 is the date under way; None: not among these dates."""


@dataclass(frozen=True, slots=True, eq=False)
class ComingSpend:
    """The spend of the date under way and of those after it, once for each way in which they may turn out.

    Attributes:
        today: that of the date under way, as known when it began.
        after: that of all dates after it together.
        courses: for each share of ways the spend until each date that so many reach: with the date under way, and
            without it.
    """

    today: Floats
    after: Floats
    courses: Floats

    @classmethod
    def of(cls, paths: Floats) -> Self:
        """From a row for each way, with a column for each date."""
        sums = np.cumsum(paths, axis=1)
        courses = np.stack([_reached_by(each) for each in (sums, sums - paths[:, :1])])
        return cls(paths[:, 0].copy(), paths[:, 1:].sum(axis=1), courses)

    def estimate(self, before: Decimal, today: Decimal, least: Decimal | None) -> Estimate:
        """What it ends with: `before` is spent earlier, `today` on the date under way, which cannot end lower.

        No figure is below `least`, the exact amount that is already spent.
        """
        quantiles = np.quantile(self._ends(before, today), _QUANTILES)
        return to_estimate([float(each) for each in quantiles], least)

    def reach(self, before: Decimal, today: Decimal, amount: Decimal) -> Dates:
        """When an amount is reached, of which `before` is spent earlier and `today` on the date under way.

        It is reached by the last date if what `estimate` counts reaches it. An earlier date may be late by one where
        `today` is more than in some ways and less than in others.
        """
        whole, after = self.courses
        above = float(before) + np.maximum(whole, float(today) + after) >= float(amount)
        above[:, -1] |= _reached_by(self._ends(before, today)) >= float(amount)
        expected, earliest, latest = (int(row.argmax()) if row.any() else None for row in above)
        return expected, earliest, latest

    def _ends(self, before: Decimal, today: Decimal) -> Floats:
        """What each way ends with."""
        ends: Floats = float(before) + np.maximum(self.today, float(today)) + self.after
        return ends


def coming_spend(whole: Sequence[Decimal | None], today: date, dates: int) -> tuple[Method, ComingSpend | None]:
    """The spend of so many dates from today on, as the whole days before it say; None where these are too few.

    Days that are None are filled in, and do not count as days of which something is known.
    """
    if sum(cost is not None for cost in whole) < WEEK:
        return Method.NOT_ENOUGH_DATA, None
    method, paths = paths_of(_filled(whole), (today.weekday() - len(whole)) % WEEK, dates)
    return method, None if paths is None else ComingSpend.of(paths)


def _reached_by(sums: Floats) -> Floats:
    """What so many of the ways come to, for each share of `_REACHED_BY`; a row each."""
    ranks = [len(sums) - math.ceil(share * len(sums)) for share in _REACHED_BY]
    found: Floats = np.partition(sums, ranks, axis=0)[ranks]
    return found


def _filled(days: Sequence[Decimal | None]) -> list[float]:
    """The spend with unknown days filled in: each is assumed to be like the known days of its weekday, or like all."""
    known = [float(cost) for cost in days if cost is not None]
    alike = {
        weekday: [float(cost) for cost in days[weekday::WEEK] if cost is not None] or known for weekday in range(WEEK)
    }
    return [float(np.mean(alike[index % WEEK])) if cost is None else float(cost) for index, cost in enumerate(days)]
