"""The state of a budget: limit, spend and the steps reached, derived from spend by date alone at any time.

A limit is the amount, with what earlier windows left or overspent, and the overrides in force.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from chargeback.domain.budgets.budget import Action, Budget, Measure, Override, Step
from chargeback.domain.budgets.carrying import PastWindow, carried_into
from chargeback.domain.budgets.windows import Window, window_of, windows_between
from chargeback.domain.money.exact import EXACT, ZERO, total

_PERCENT = Decimal("0.01")
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Spend:
    """What a scope spent, in the budget's currency.

    Attributes:
        known: billed usage.
        estimated: calls whose usage is not known yet, by an estimate.
    """

    known: Decimal = ZERO
    estimated: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Both together: what a budget is compared with."""
        return EXACT.add(self.known, self.estimated)


@dataclass(frozen=True, slots=True)
class BooksClock:
    """What time it is in the books.

    Attributes:
        now: the moment, in UTC.
        today: the date of the books at this moment.
        midnight: when a date of the books begins.
        date_of: the date of the books at a moment.
    """

    now: datetime
    today: date
    midnight: Callable[[date], datetime]
    date_of: Callable[[datetime], date]


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget at one moment.

    Attributes:
        window: the dates that count now.
        carried: from earlier windows into this one; below zero where they overspent.
        overrides: those in force now.
        spend: in this window.
        forecast: what the window is expected to end with; None where nobody can tell yet.
        reached: every step that is reached, in the budget's order.
    """

    budget: Budget
    window: Window
    carried: Decimal
    overrides: tuple[Override, ...]
    spend: Spend
    forecast: Decimal | None
    reached: tuple[Step, ...]

    @property
    def limit(self) -> Decimal:
        """What may be spent in this window, never below zero."""
        return _limit(self.budget, self.carried, self.overrides)

    @property
    def remaining(self) -> Decimal:
        """What is left of the limit; below zero where it is overrun."""
        return EXACT.subtract(self.limit, self.spend.total)

    @property
    def step(self) -> Step | None:
        """The most severe step that is reached."""
        return max(self.reached, key=lambda step: step.action.severity, default=None)

    @property
    def action(self) -> Action | None:
        """What happens to calls now: nothing where no step is reached, or where the budget only reports."""
        return None if self.step is None or self.budget.shadow else self.step.action


def state_of(
    budget: Budget,
    clock: BooksClock,
    spend: Mapping[date, Spend],
    overrides: Sequence[Override] = (),
    forecast: Decimal | None = None,
) -> BudgetState:
    """The state of a budget now.

    Attributes:
        spend: by date, what the budget's scope spent; dates without spend may be left out. What was spent before the
            budget began does not count.
        overrides: those of any budget, whenever they hold or held.
    """
    window = window_of(budget.every, clock.today)
    carried = carried_into(budget, past_windows(budget, clock, spend, overrides))
    held = tuple(each for each in overrides if each.budget == budget.id and each.holds(clock.now))
    begun = begun_on(budget, clock)
    spent = _sum(each for day, each in spend.items() if day in window and day >= begun)
    limit = _limit(budget, carried, held)
    reached = tuple(step for step in budget.steps if _is_reached(step, limit, spent.total, forecast))
    return BudgetState(budget, window, carried, held, spent, forecast, reached)


def past_windows(
    budget: Budget, clock: BooksClock, spend: Mapping[date, Spend], overrides: Sequence[Override]
) -> list[PastWindow]:
    """The windows that decide what is carried into the current one, the budget's first one first."""
    start = budget.effective.start
    if start is None or not _carries(budget):
        return []
    current, begun = window_of(budget.every, clock.today), clock.date_of(start)
    spent_in: dict[date, Decimal] = {}  # by the first date of a window
    for day, spent in spend.items():
        if begun <= day < current.first:
            first = window_of(budget.every, day).first
            spent_in[first] = EXACT.add(spent_in.get(first, ZERO), spent.total)
    own = [each for each in overrides if each.budget == budget.id]
    found: list[PastWindow] = []
    for window in windows_between(budget.every, begun, current.first - _DAY):
        added = _added(budget, clock, spend, own, found, window) if own else ZERO
        found.append(PastWindow(window, spent_in.get(window.first, ZERO), added))
    return found


def _added(
    budget: Budget,
    clock: BooksClock,
    spend: Mapping[date, Spend],
    overrides: Iterable[Override],
    before: Sequence[PastWindow],
    window: Window,
) -> Decimal:
    """What overrides added to a window: all of those that held when it ended, and of others what was spent by them."""
    first, end = clock.midnight(window.first), clock.midnight(window.after)
    added = total(each.amount for each in overrides if each.start < end <= each.until)
    ended = [each for each in overrides if each.amount > 0 and first < each.until < end]
    if not ended:
        return added
    limit = EXACT.add(budget.amount, carried_into(budget, before))
    counting = max(window.first, begun_on(budget, clock))
    used = []
    for each in ended:
        last = clock.date_of(each.until - _MOMENT)
        spent = total(of_day.total for day, of_day in spend.items() if counting <= day <= last)
        used.append(min(each.amount, EXACT.subtract(spent, limit)))
    return max(added, *used) if max(used) > 0 else added


def reached_at(step: Step, limit: Decimal) -> Decimal:
    """The amount at which a step of a budget with this limit is reached."""
    return EXACT.multiply(EXACT.multiply(limit, step.percent), _PERCENT)


def date_reached(state: BudgetState, spend: Mapping[date, Spend], amount: Decimal, clock: BooksClock) -> date | None:
    """The first date of the window at whose end an amount was spent; None: not yet."""
    first, spent = max(state.window.first, begun_on(state.budget, clock)), ZERO
    for day in sorted(each for each in spend if first <= each <= clock.today):
        spent = EXACT.add(spent, spend[day].total)
        if spent >= amount:
            return day
    return None


def first_date(budget: Budget, clock: BooksClock) -> date:
    """The first date whose spend decides anything about a budget now."""
    window = window_of(budget.every, clock.today)
    start = budget.effective.start
    if start is None:
        return window.first
    return clock.date_of(start) if _carries(budget) else max(window.first, clock.date_of(start))


def _carries(budget: Budget) -> bool:
    return budget.rollover.unspent or budget.rollover.overage


def begun_on(budget: Budget, clock: BooksClock) -> date:
    """The first date whose spend counts for a budget."""
    start = budget.effective.start
    return date.min if start is None else clock.date_of(start)


def _limit(budget: Budget, carried: Decimal, overrides: Iterable[Override]) -> Decimal:
    return max(total([budget.amount, carried, *(each.amount for each in overrides)]), ZERO)


def _is_reached(step: Step, limit: Decimal, spent: Decimal, forecast: Decimal | None) -> bool:
    """Whether spend has come to a step. No window ends with less than was spent, whatever its forecast says."""
    if step.of is Measure.FORECAST:
        if forecast is None:
            return False
        spent = max(spent, forecast)
    return spent >= reached_at(step, limit)


def _sum(spend: Iterable[Spend]) -> Spend:
    inside = list(spend)
    return Spend(total(each.known for each in inside), total(each.estimated for each in inside))
