"""Which spend is usual: the weekly pattern of daily spend and the daily pattern of hourly spend, ignoring outliers.

Spend is compared on the scale of the inverse hyperbolic sine, which is proportional for large amounts, plain for
small ones, and knows zero and corrections below it: a busy Monday may differ by more money than a quiet Sunday.
Deviations are medians (MAD), so that what stands out does not make itself usual.
"""

from collections.abc import Sequence

import numpy as np
from statsmodels.tsa.seasonal import STL

from chargeback.services.forecasting.series import WEEK, Floats

_SEASONAL_DAYS = 3 * WEEK
_STIFF = {"seasonal": 35, "seasonal_deg": 0, "trend": 29, "robust": True}
_ROUNDS = 15
"""With the library's own settings the pattern bends to the latest day, which is the one that is asked about."""
_PARAMETERS = 10
"""Seven weekdays and about three of the trend: so much the pattern takes from the residuals of few days."""
_NORMAL = 1.4826
"""The standard deviation of a normal distribution for one median absolute deviation."""
_LEAST_DAILY, _LEAST_HOURLY = 0.05, 0.15
"""Smallest deviations, as shares: spend that hardly varies must not raise an alarm for a trifle."""


def usual_days(values: Sequence[float], weekday: int) -> tuple[Floats, Floats] | None:
    """For each day, what is usual and how many deviations away the day is; None in less than a week.

    `values`: the spend of days without gaps; `weekday`: that of the first (Monday is 0).
    """
    spend = np.asarray(values, dtype=np.float64)
    if len(spend) < WEEK:
        return None
    unit = _unit(spend)
    scaled = np.arcsinh(spend / unit)
    if len(spend) >= _SEASONAL_DAYS:
        fit = STL(scaled, period=WEEK, **_STIFF).fit(outer_iter=_ROUNDS)
        usual = np.asarray(fit.trend + fit.seasonal, dtype=np.float64)
    else:
        weekend = (weekday + np.arange(len(spend))) % WEEK >= 5
        usual = np.where(weekend, np.median(scaled[weekend]), np.median(scaled[~weekend]))
    residuals = scaled - usual
    freedom = max(len(spend) - _PARAMETERS, 1) / len(spend) if len(spend) >= _SEASONAL_DAYS else 1.0
    deviation = max(_NORMAL * float(np.median(np.abs(residuals))) / np.sqrt(freedom), _LEAST_DAILY)
    return unit * np.sinh(usual), residuals / deviation


def usual_hours(before: Floats, day: Floats) -> tuple[Floats, Floats]:
    """For each hour of a day, what is usual and how many deviations away it is.

    `before`: a row of 24 hours for each earlier day of the same kind (working day or weekend).
    """
    unit = _unit(before)
    scaled, today = np.arcsinh(before / unit), np.arcsinh(day / unit)
    usual = np.median(scaled, axis=0)
    deviation = np.maximum(_NORMAL * np.median(np.abs(scaled - usual), axis=0), _LEAST_HOURLY)
    return unit * np.sinh(usual), (today - usual) / deviation


def _unit(spend: Floats) -> float:
    """A typical amount; 1 where there is none."""
    amounts = np.abs(spend[spend != 0])
    return float(np.median(amounts)) if amounts.size else 1.0
