"""Estimates what some days will have cost when they are over, from the ways in which they may turn out.

The forecast of a month and that of a budget's window are made here, so that the same spend gives the same figures.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

import numpy as np

from chargeback.domain.outlook.forecast import Estimate, to_estimate
from chargeback.services.forecasting.series import Floats

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
        ranks = [len(paths) - math.ceil(share * len(paths)) for share in _REACHED_BY]
        courses = np.stack([np.partition(each, ranks, axis=0)[ranks] for each in (sums, sums - paths[:, :1])])
        return cls(paths[:, 0].copy(), paths[:, 1:].sum(axis=1), courses)

    def estimate(self, before: Decimal, today: Decimal, least: Decimal | None) -> Estimate:
        """What it ends with: `before` is spent earlier, `today` on the date under way, which cannot end lower.

        No figure is below `least`, the exact amount that is already spent.
        """
        sums = float(before) + np.maximum(self.today, float(today)) + self.after
        return to_estimate([float(each) for each in np.quantile(sums, _QUANTILES)], least)

    def reach(self, before: Decimal, today: Decimal, amount: Decimal) -> Dates:
        """When an amount is reached, of which `before` is spent earlier and `today` on the date under way."""
        whole, after = self.courses
        above = float(before) + np.maximum(whole, float(today) + after) >= float(amount)
        expected, earliest, latest = (int(row.argmax()) if row.any() else None for row in above)
        return expected, earliest, latest
