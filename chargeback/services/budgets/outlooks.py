"""Where the windows of budgets go: what each ends with, and when its limit is used up.

A model takes a tenth of a second, so whoever asks about many budgets gets what is known; the rest is worked out beside.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from chargeback.domain.budgets.budget import Budget
from chargeback.domain.budgets.state import BooksClock, BudgetState, date_reached
from chargeback.domain.outlook.forecast import Estimate
from chargeback.log_line import log_line
from chargeback.services.budgets.forecasts import ForecastBasis
from chargeback.services.budgets.nudges import Nudges
from chargeback.services.budgets.states import BudgetStates

log = logging.getLogger(__name__)

LONGEST_MODEL = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class WindowOutlook:
    """Where the window of a budget goes.

    Attributes:
        estimate: what it ends with; None where less than a week of whole days is known.
        reached: the date on which the limit was used up; None: not yet.
        expected, earliest, latest: when it probably will be, and the dates that this lies between in eight of ten
            cases; None: not in this window, or nobody can tell.
    """

    estimate: Estimate | None
    reached: date | None = None
    expected: date | None = None
    earliest: date | None = None
    latest: date | None = None


class BudgetOutlooks:
    """Tells where budgets go, and works out beside what is not known yet."""

    def __init__(self, states: BudgetStates, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._states = states
        self._clock = clock
        self._wanted: dict[str, Budget] = {}
        self._beside = Nudges(self._work_out_one, _report, shortest=0.0, longest=LONGEST_MODEL, share=1)

    async def find(self, states: Sequence[BudgetState], now: datetime, *, wait: bool) -> dict[str, WindowOutlook]:
        """Budget → its outlook. `wait`: for every model; else budgets are left out whose model is made now."""
        budgets = [each.budget for each in states]
        clock, bases = await self._states.with_history(budgets, now)
        forecasts = self._states.forecasts
        estimates = await forecasts.of(list(bases.values()), clock, seconds=math.inf, makes_models=wait)
        found: dict[str, WindowOutlook] = {}
        for state in states:
            budget = state.budget
            basis = bases.get(budget.id)
            if basis is None:
                found[budget.id] = WindowOutlook(None)
            elif forecasts.has_model(basis, clock):
                found[budget.id] = self._outlook(state, basis, estimates.get(budget.id), clock)
            else:
                self._wanted[budget.id] = budget
        if self._wanted:
            self._beside.nudge()
        return found

    async def worked_out(self) -> None:
        """Wait until all is known that was asked for."""
        await self._beside.settled()

    async def stop(self) -> None:
        """End what is worked out beside."""
        await self._beside.stop()

    def _outlook(
        self, state: BudgetState, basis: ForecastBasis, estimate: Estimate | None, clock: BooksClock
    ) -> WindowOutlook:
        if reached := date_reached(state, basis.spend, state.limit, clock):
            return WindowOutlook(estimate, reached)
        days = self._states.forecasts.used_up(basis, state.limit, clock)
        return WindowOutlook(
            estimate, None, *(None if each is None else clock.today + timedelta(days=each) for each in days)
        )

    async def _work_out_one(self) -> str:
        if self._wanted:
            _, budget = self._wanted.popitem()
            await self._states.forecast([budget], self._clock(), seconds=math.inf)
        if self._wanted:
            self._beside.nudge()
        return ""


def _report(reason: str) -> None:
    log_line(log, "forecasts_late", level=logging.WARNING, reason=reason)
