"""Estimates what some days will have cost when they are over, from the ways in which they may turn out.

The forecast of a month and that of a budget's window are made here, so that the same spend gives the same figures.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

import numpy as np

from chargeback.domain.outlook.forecast import Estimate, to_estimate
from chargeback.services.forecasting.series import Floats

_QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)


@dataclass(frozen=True, slots=True, eq=False)
class ComingSpend:
    """The spend of the date under way and of those after it, once for each way in which they may turn out.

    Attributes:
        today: that of the date under way, as known when it began.
        after: that of all dates after it together.
    """

    today: Floats
    after: Floats

    @classmethod
    def of(cls, paths: Floats) -> Self:
        """From a row for each way, with a column for each date."""
        return cls(paths[:, 0].copy(), paths[:, 1:].sum(axis=1))

    def estimate(self, before: Decimal, today: Decimal, least: Decimal | None) -> Estimate:
        """What it ends with: `before` is spent earlier, `today` on the date under way, which cannot end lower.

        No figure is below `least`, the exact amount that is already spent.
        """
        sums = float(before) + np.maximum(self.today, float(today)) + self.after
        return to_estimate([float(each) for each in np.quantile(sums, _QUANTILES)], least)
