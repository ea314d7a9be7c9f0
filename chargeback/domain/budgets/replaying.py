"""What a budget would have done in the past: when each step would have been reached, and what was used after it.

Usage is taken as it was. Nobody knows what swapped calls would have cost, or when refused callers would have come back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from chargeback.domain.budgets.budget import Budget, Measure, Override, Step
from chargeback.domain.budgets.state import BooksClock, BudgetState, Spend, reached_at, state_of
from chargeback.domain.budgets.windows import Window, window_of
from chargeback.domain.money.exact import EXACT, ZERO


@dataclass(slots=True)
class HourUsed:
    """What a budget's scope used in one hour.

    Attributes:
        cost: in the budget's currency.
        calls: how many.
        unknown: those of the calls whose cost is not known; they count as nothing.
    """

    cost: Decimal = ZERO
    calls: int = 0
    unknown: int = 0

    def add(self, other: "HourUsed") -> None:
        """Add what something else used in the same hour."""
        self.cost = EXACT.add(self.cost, other.cost)
        self.calls += other.calls
        self.unknown += other.unknown


@dataclass(slots=True)
class ReplayedStep:
    """A step that would have been reached.

    Attributes:
        at: the UTC hour in which it was reached.
        calls: those that came while no more severe step was reached. In the hour of a step, calls are split by cost,
            and the one that passes the step comes before it.
        cost: theirs.
    """

    step: Step
    at: datetime
    calls: int = 0
    cost: Decimal = ZERO


@dataclass(slots=True)
class ReplayedWindow:
    """One window of a replayed budget.

    Attributes:
        carried: into the window from those before it.
        limit: as it was at the last usage.
        spent: all that was used, as if nothing had been refused.
        calls: how many.
        unknown: those of the calls whose cost is not known; they count as nothing.
        steps: those that were reached, the first one first.
    """

    window: Window
    carried: Decimal = ZERO
    limit: Decimal = ZERO
    spent: Decimal = ZERO
    calls: int = 0
    unknown: int = 0
    steps: list[ReplayedStep] = field(default_factory=list)

    @property
    def overrun(self) -> Decimal:
        """What was spent beyond the limit; zero where nothing was."""
        return max(EXACT.subtract(self.spent, self.limit), ZERO)


class BudgetReplay:
    """A budget that is told hour by hour what its scope used."""

    def __init__(self, budget: Budget, overrides: Sequence[Override] = ()) -> None:
        self.budget = budget
        self.windows: list[ReplayedWindow] = []
        self.spend: dict[date, Spend] = {}
        """What was used so far, by date of the books."""
        self._overrides = overrides
        self._reached: list[int] = []

    def add(self, day: date, used: HourUsed) -> None:
        """Add to what was used on a date."""
        before = self.spend.get(day, Spend())
        self.spend[day] = Spend(EXACT.add(before.known, used.cost))

    def take(self, clock: BooksClock, used: HourUsed, expected: Decimal | None = None) -> None:
        """Find the steps that an hour reached, whose use is added already. Hours come in ascending order.

        `clock` is at the start of the hour; `expected` is what its window was expected to end with.
        """
        window = self._window(window_of(self.budget.every, clock.today))
        state = state_of(self.budget, clock, self.spend, self._overrides, expected)
        window.carried, window.limit, window.spent = state.carried, state.limit, state.spend.total
        window.calls += used.calls
        window.unknown += used.unknown
        self._note_steps(window, clock.now, used, state)

    def _window(self, wanted: Window) -> ReplayedWindow:
        if not self.windows or self.windows[-1].window != wanted:
            self.windows.append(ReplayedWindow(wanted))
            self._reached = []
        return self.windows[-1]

    def _note_steps(self, window: ReplayedWindow, hour: datetime, used: HourUsed, state: BudgetState) -> None:
        """Give each part of what was used to the most severe step that was reached before it."""
        steps = self.budget.steps
        reached = [index for index, step in enumerate(steps) if step in state.reached]
        new = [(_used_before(steps[index], used.cost, state), index) for index in reached if index not in self._reached]
        counting = [index for index in self._reached if index in reached]
        parts: list[tuple[Decimal, int | None]] = []
        done = ZERO
        for reached_after, index in sorted(new):
            parts.append((EXACT.subtract(reached_after, done), _most_severe(steps, counting)))
            done = reached_after
            counting.append(index)
            if all(each.step != steps[index] for each in window.steps):
                window.steps.append(ReplayedStep(steps[index], hour))
        parts.append((EXACT.subtract(used.cost, done), _most_severe(steps, counting)))
        for (cost, under), calls in zip(parts, _split_calls(used, [cost for cost, _ in parts]), strict=True):
            if under is not None:
                step = next(each for each in window.steps if each.step == steps[under])
                step.calls += calls
                step.cost = EXACT.add(step.cost, cost)
        self._reached = reached


def _used_before(step: Step, used: Decimal, state: BudgetState) -> Decimal:
    """How much of what an hour used came before it reached a step."""
    if step.of is Measure.FORECAST:
        return ZERO
    start = EXACT.subtract(state.spend.total, used)
    return min(max(EXACT.subtract(reached_at(step, state.limit), start), ZERO), used)


def _most_severe(steps: Sequence[Step], reached: Sequence[int]) -> int | None:
    return max(sorted(reached), key=lambda index: steps[index].action.severity, default=None)


def _split_calls(used: HourUsed, costs: Sequence[Decimal]) -> Iterator[int]:
    """The calls of an hour in proportion to costs that sum to the hour's; calls that cost nothing come last."""
    done, told = ZERO, 0
    for cost in costs[:-1]:
        done = EXACT.add(done, cost)
        until = _calls_until(done, used)
        yield until - told
        told = until
    yield used.calls - told


def _calls_until(cost: Decimal, used: HourUsed) -> int:
    """How many calls of an hour made a part of its cost, with the one that passes it."""
    if not used.cost:
        return 0
    made = EXACT.multiply(cost, Decimal(used.calls))
    whole = int(EXACT.divide_int(made, used.cost))
    return whole if EXACT.multiply(used.cost, Decimal(whole)) == made else whole + 1
