"""Models how daily spend goes on: draws many possible courses of the coming days from a model of the past days.

Every figure of a forecast is counted from these paths, so that totals, intervals and run-out days agree. The model
is the richest one that the history can carry; `domain.outlook.forecast.Method` names them,
docs/decisions/forecast.md says why these. Draws are seeded: the same history gives the same forecast.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.exponential_smoothing.ets import ETSModel, ETSResults

from chargeback.domain.outlook.forecast import Method
from chargeback.services.forecasting.series import WEEK, Floats

PATHS = 2_000
SMOOTHED_DAYS = 16
"""The fewest days from which the library can guess where the smoothing begins."""
_SEED = 20_260_101
_REPEATS_EXACTLY = 1e-9
"""Residuals below this share of the mean are the noise of floating point."""

# Whether a fit converged is asked of its result. A filter for the time of a fit would be one for every other thread.
warnings.filterwarnings("ignore", category=ConvergenceWarning)


def paths_of(values: Sequence[float], weekday: int, horizon: int) -> tuple[Method, Floats | None]:
    """The coming `horizon` days, PATHS times over (a row each); None where the history is shorter than a week.

    `values`: the spend of whole days without gaps, oldest first; `weekday`: that of the first (Monday is 0).
    Spend that was never below zero will not be.
    """
    past = np.asarray(values, dtype=np.float64)
    if len(past) < WEEK:
        return Method.NOT_ENOUGH_DATA, None
    scale = float(np.abs(past).mean()) or 1.0
    days = (weekday + np.arange(len(past) + horizon)) % WEEK
    method, paths = _best(past / scale, days, np.random.default_rng(_SEED))
    paths = paths * scale
    return method, np.maximum(paths, 0.0) if past.min() >= 0 else paths


def _best(past: Floats, days: NDArray[np.int64], rng: np.random.Generator) -> tuple[Method, Floats]:
    if len(past) < 2 * WEEK:
        weekend = days >= 5
        return Method.WORKING_DAYS, _regression(past, np.column_stack([~weekend, weekend]).astype(float), rng)[1]
    dummies = np.eye(WEEK)[days]
    residual, paths = _regression(past, dummies, rng)
    if len(past) >= SMOOTHED_DAYS and residual > _REPEATS_EXACTLY:
        smoothed = _smoothing(past, len(days) - len(past), rng)
        if smoothed is not None:
            return Method.SMOOTHING, smoothed
    return Method.WEEKDAYS, paths


def _regression(past: Floats, design: Floats, rng: np.random.Generator) -> tuple[float, Floats]:
    """The residual deviation of ordinary least squares, and draws that know how unsure its coefficients are.

    With these draws, quantiles of a single day are those of the usual prediction interval by Student's t.
    """
    known, coming = design[: len(past)], design[len(past) :]
    fit = OLS(past, known).fit()
    deviation = float(np.sqrt(max(fit.scale, 0.0)))
    spread = deviation * np.sqrt(fit.df_resid / rng.chisquare(fit.df_resid, size=(PATHS, 1)))
    root = np.linalg.cholesky(fit.normalized_cov_params)
    coefficients = fit.params + spread * (rng.standard_normal((PATHS, design.shape[1])) @ root.T)
    return deviation, coefficients @ coming.T + spread * rng.standard_normal((PATHS, len(coming)))


def _smoothing(past: Floats, horizon: int, rng: np.random.Generator) -> Floats | None:
    """Exponential smoothing of the better kind; None where neither could be fitted."""
    kinds = ["add", "mul"] if past.min() > 0 else ["add"]
    fits = [fit for fit in (_fit(past, kind) for kind in kinds) if fit is not None]
    if not fits:
        return None
    best = min(fits, key=lambda fit: float(fit.aicc))
    freedom = max(len(past) - WEEK - 2, 1)
    deviation = float(np.sqrt(best.scale * len(past) / freedom))
    errors = deviation * rng.standard_t(freedom, size=(horizon, PATHS))
    with np.errstate(all="ignore"):
        drawn = best.simulate(horizon, anchor="end", repetitions=PATHS, random_errors=errors)
    paths = np.asarray(drawn, dtype=np.float64)
    return paths.reshape(horizon, PATHS).T if np.isfinite(paths).all() else None


def _fit(past: Floats, kind: str) -> ETSResults | None:
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            model = ETSModel(past, error=kind, seasonal=kind, seasonal_periods=WEEK, initialization_method="heuristic")
            fit = model.fit(disp=False)
            usable = fit.mle_retvals["converged"] and np.isfinite(fit.aicc)
    except (ConvergenceWarning, ValueError, ArithmeticError, np.linalg.LinAlgError):
        return None
    return fit if usable else None
