"""How far forecasts are off and how often their intervals hold: `python -m benchmarks.forecast [TRACE.csv] [RUNS]`.

Months are made by seeded generators, forecast from a part of them, and compared with how they ended. With a trace of
calls (TIMESTAMP,ContextTokens,GeneratedTokens), days are also made from it: each is a piece of the trace, with its
own burst of calls and their sizes, times a weekly pattern. The same months tell how often a usual day is reported as an
anomaly, and how often a day of three times its spend is found.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chargeback.domain.outlook.anomalies import Sensitivity
from chargeback.services.forecasting.patterns import usual_days
from chargeback.services.forecasting.spend_models import paths_of
from scripts.traffic.rows import read_calls

Series = NDArray[np.float64]
Generator = Callable[[int, np.random.Generator], Series]

WEEK = np.array([1, 1.1, 1.05, 1.08, 0.95, 0.25, 0.15])
ENOUGH = Sensitivity().deviations


def noise(days: int, rng: np.random.Generator, deviation: float = 0.15) -> Series:
    return np.exp(deviation * rng.standard_normal(days) - deviation**2 / 2)


def weekly(days: int) -> Series:
    return 100 * WEEK[np.arange(days) % 7]


def stable(days: int, rng: np.random.Generator) -> Series:
    return weekly(days) * noise(days, rng)


def every_day_alike(days: int, rng: np.random.Generator) -> Series:
    return 100 * noise(days, rng)


def nothing_at_weekends(days: int, rng: np.random.Generator) -> Series:
    return np.where(np.arange(days) % 7 < 5, 100, 0) * noise(days, rng)


def growing(days: int, rng: np.random.Generator) -> Series:
    trend: Series = np.exp(0.01 * np.arange(days))
    return stable(days, rng) * trend


def wandering(days: int, rng: np.random.Generator) -> Series:
    return stable(days, rng) * np.exp(np.cumsum(0.05 * rng.standard_normal(days)))


def spiky(days: int, rng: np.random.Generator) -> Series:
    return stable(days, rng) * np.where(rng.random(days) < 0.03, 6, 1)


def of_trace(path: Path) -> Generator:
    """Days from pieces of 35 s of a trace, at 2.50 and 10 USD per million tokens, times the weekly pattern."""
    calls = list(read_calls(path))
    pieces = np.array([call.at // 35_000_000 for call in calls])
    costs = np.array([2.5 * call.context + 10 * call.generated for call in calls]) / 1e6
    days = np.bincount(pieces, weights=costs)

    def generate(count: int, rng: np.random.Generator) -> Series:
        return rng.choice(days / days.mean(), count) * weekly(count)

    return generate


def forecast(name: str, generate: Generator, known: int, coming: int, runs: int) -> None:
    errors, within_80, within_95, widths = [], 0, 0, []
    method, start = "", time.perf_counter()
    for seed in range(runs):
        series = generate(known + coming, np.random.default_rng(seed))
        found, paths = paths_of(list(series[:known]), 0, coming)
        assert paths is not None
        method = found.value
        low_95, low, expected, high, high_95 = np.quantile(paths.sum(axis=1), (0.025, 0.1, 0.5, 0.9, 0.975))
        actual = series[known:].sum()
        errors.append(abs(expected / actual - 1))
        widths.append((high - low) / actual)
        within_80 += low <= actual <= high
        within_95 += low_95 <= actual <= high_95
    milliseconds = (time.perf_counter() - start) / runs * 1000
    print(
        f"| {name} | {known} + {coming} | {method} | {np.median(errors):.1%} | {within_80 / runs:.0%} | {within_95 / runs:.0%}"
        f" | {np.median(widths):.0%} | {milliseconds:.1f} |",
        flush=True,
    )


def anomalies(name: str, generate: Generator, known: int, runs: int) -> None:
    usual = tripled = 0
    start = time.perf_counter()
    for seed in range(runs):
        series = generate(known, np.random.default_rng(seed))
        usual += is_unusual(series)
        series[-1] *= 3
        tripled += is_unusual(series)
    milliseconds = (time.perf_counter() - start) / runs * 500
    print(f"| {name} | {known} | {usual / runs:.1%} | {tripled / runs:.0%} | {milliseconds:.1f} |", flush=True)


def is_unusual(series: Series) -> bool:
    pattern = usual_days(list(series), 0)
    assert pattern is not None
    return bool(abs(pattern[1][-1]) > ENOUGH)


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:] if argument.endswith(".csv")]
    runs = next((int(argument) for argument in sys.argv[1:] if argument.isdecimal()), 200)
    kinds: dict[str, Generator] = {
        "stable week": stable,
        "every day alike": every_day_alike,
        "nothing at weekends": nothing_at_weekends,
        "grows 1 % a day": growing,
        "wanders 5 % a day": wandering,
        "one day in 33 is six times as dear": spiky,
        **{f"days of {path.stem}": of_trace(path) for path in paths},
    }
    print("| Month | Days known + coming | Method | Median error | In 80 % | In 95 % | Median width of 80 % | ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name, generate in kinds.items():
        for known, coming in ((10, 20), (14, 16), (18, 12), (28, 20), (63, 20)):
            forecast(name, generate, known, coming, runs)
    print("\n| Month | Days | A usual last day alarms | A tripled last day is found | ms |")
    print("|---|---|---|---|---|")
    for name, generate in kinds.items():
        for known in (10, 29, 71):
            anomalies(name, generate, known, runs)
