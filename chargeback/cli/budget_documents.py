"""What the commands about budgets print with `--json`, made from what the services found."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from chargeback.cli.answers import Answer
from chargeback.domain.budgets.budget import Action, Measure
from chargeback.domain.budgets.replaying import BudgetReplay, ReplayedWindow
from chargeback.domain.budgets.state import BooksClock, BudgetState
from chargeback.domain.budgets.windows import Every, Window
from chargeback.domain.money.exact import to_text, total
from chargeback.domain.outlook.forecast import Estimate
from chargeback.services.budgets.costs_apart import CostsApart
from chargeback.services.budgets.explain_budget import ExplainedBudget
from chargeback.services.budgets.replay import ReplayedMonth

_DAY = timedelta(days=1)


class ShownStep(Answer, frozen=True):
    """A step: at `percent` of the limit, compared with actual or forecast spend, it does `action`."""

    percent: Decimal
    action: Action
    of: Measure


class ShownBudget(Answer, frozen=True):
    """How one budget stands.

    Attributes:
        begins, until: the first moment of the window, and the moment at which it is over.
        overrides: what those in force add.
        limit: the amount with what is carried and with the overrides.
        spent: known and estimated together.
        remaining: below zero where more is spent than the limit.
        forecast: what the window is expected to end with; only budgets with a step on it have one.
        forecast_low, forecast_high: the bounds that it ends between in eight of ten cases.
        step: the most severe step that is reached.
        acts: whether that step does something to calls: not where it only tells people, nor in shadow.
        shared_costs, corrections: what is charged beside usage in the month, which budgets do not count, in
            `apart_currency`; null where nothing of it is published, or the scope has none.
    """

    id: str
    scope: str
    owner: str
    shadow: bool
    every: Every
    begins: datetime
    until: datetime
    currency: str
    amount: Decimal
    carried: Decimal
    overrides: Decimal
    limit: Decimal
    known: Decimal
    estimated: Decimal
    spent: Decimal
    remaining: Decimal
    forecast: Decimal | None
    forecast_low: Decimal | None
    forecast_high: Decimal | None
    step: ShownStep | None
    acts: bool
    shared_costs: Decimal | None
    corrections: Decimal | None
    apart_currency: str


class ShownBudgets(Answer, frozen=True):
    """What `budgets status` says; `unknown` has the budgets of which nobody can say how they stand, with the reason."""

    as_of: datetime
    budgets: tuple[ShownBudget, ...]
    unknown: dict[str, str]


class ShownDate(Answer, frozen=True):
    """What was spent on a date of the books: in the books, counted since, and estimated."""

    date: str
    posted: Decimal
    counted: Decimal
    estimated: Decimal


class ShownWindow(Answer, frozen=True):
    """A window that is over: what was carried into it, what overrides added, and what was spent in it."""

    first: str
    last: str
    carried: Decimal
    added: Decimal
    spent: Decimal


class OverrideInForce(Answer, frozen=True):
    """A temporary change of the limit that is in force."""

    amount: Decimal
    start: datetime
    until: datetime
    by: str
    reason: str


class ShownMark(Answer, frozen=True):
    """A step with the amount at which it is reached now."""

    percent: Decimal
    action: Action
    of: Measure
    amount: Decimal
    is_reached: bool


class BudgetExplanation(Answer, frozen=True):
    """What `budgets explain` says.

    Attributes:
        dates: those dates of the window on which something was spent.
        windows: earlier ones that decide what is carried; none where the budget carries nothing.
        keys: product → the entries under which its gateways find this budget when it acts on calls.
    """

    as_of: datetime
    budget: ShownBudget
    dates: tuple[ShownDate, ...]
    windows: tuple[ShownWindow, ...]
    overrides: tuple[OverrideInForce, ...]
    steps: tuple[ShownMark, ...]
    keys: dict[str, tuple[str, ...]]


class ReachedStep(Answer, frozen=True):
    """A step that would have been reached in the hour from `at` on, and what came while it was the most severe one."""

    percent: Decimal
    action: Action
    of: Measure
    at: datetime
    calls: int
    cost: Decimal


class ReplayedDates(Answer, frozen=True):
    """One window of a replayed budget.

    Attributes:
        limit: with what is carried and with overrides.
        spent: as if nothing had been refused or swapped.
        overrun: what of it is beyond the limit.
        unknown: calls whose cost is not known; they count as nothing.
    """

    first: str
    last: str
    carried: Decimal
    limit: Decimal
    spent: Decimal
    overrun: Decimal
    calls: int
    unknown: int
    steps: tuple[ReachedStep, ...]


class ReplayedBudget(Answer, frozen=True):
    """What one budget would have done."""

    id: str
    scope: str
    shadow: bool
    every: Every
    currency: str
    amount: Decimal
    windows: tuple[ReplayedDates, ...]


class ReplayedBudgets(Answer, frozen=True):
    """What `budgets replay` says.

    Attributes:
        first, last: the dates of the books that were read.
        lost: events of these dates that the ledger lost or that cannot be read; they are in no figure.
    """

    period: str
    first: str
    last: str
    lost: int
    budgets: tuple[ReplayedBudget, ...]


def shown_budget(
    state: BudgetState, clock: BooksClock, apart: CostsApart | None, forecast: Estimate | None
) -> ShownBudget:
    """How a budget stands."""
    budget, step = state.budget, state.step
    return ShownBudget(
        id=budget.id,
        scope=str(budget.scope),
        owner=budget.owner,
        shadow=budget.shadow,
        every=budget.every,
        begins=clock.midnight(state.window.first),
        until=clock.midnight(state.window.after),
        currency=budget.currency,
        amount=_plain(budget.amount),
        carried=_plain(state.carried),
        overrides=_plain(total(each.amount for each in state.overrides)),
        limit=_plain(state.limit),
        known=_plain(state.spend.known),
        estimated=_plain(state.spend.estimated),
        spent=_plain(state.spend.total),
        remaining=_plain(state.remaining),
        forecast=_plain(forecast.expected) if forecast else None,
        forecast_low=_plain(forecast.within_80.low) if forecast else None,
        forecast_high=_plain(forecast.within_80.high) if forecast else None,
        step=ShownStep(step.percent, step.action, step.of) if step else None,
        acts=state.action not in (None, Action.NOTIFY),
        shared_costs=_plain(apart.shared) if apart else None,
        corrections=_plain(apart.corrections) if apart else None,
        apart_currency=apart.currency if apart else "",
    )


def explanation_of(
    found: ExplainedBudget, apart: CostsApart | None, keys: Mapping[str, Sequence[str]]
) -> BudgetExplanation:
    """Why a budget stands as it does."""
    return BudgetExplanation(
        found.clock.now,
        shown_budget(found.state, found.clock, apart, found.forecast),
        tuple(
            ShownDate(each.date.isoformat(), _plain(each.posted), _plain(each.counted), _plain(each.estimated))
            for each in found.dates
        ),
        tuple(
            ShownWindow(
                *_dates(each.past.window), _plain(each.carried), _plain(each.past.added), _plain(each.past.spent)
            )
            for each in found.windows
        ),
        tuple(
            OverrideInForce(_plain(each.amount), each.start, each.until, each.by, each.reason)
            for each in found.state.overrides
        ),
        tuple(
            ShownMark(each.step.percent, each.step.action, each.step.of, _plain(each.amount), each.is_reached)
            for each in found.steps
        ),
        {product: tuple(names) for product, names in keys.items()},
    )


def replayed_budgets(found: ReplayedMonth) -> ReplayedBudgets:
    """What budgets would have done in a month."""
    first, last = _dates(found.read)
    return ReplayedBudgets(found.period, first, last, found.lost, tuple(map(_replayed_budget, found.replays)))


def _replayed_budget(replay: BudgetReplay) -> ReplayedBudget:
    budget = replay.budget
    windows = tuple(map(_replayed_dates, replay.windows))
    return ReplayedBudget(
        budget.id, str(budget.scope), budget.shadow, budget.every, budget.currency, _plain(budget.amount), windows
    )


def _replayed_dates(found: ReplayedWindow) -> ReplayedDates:
    return ReplayedDates(
        *_dates(found.window),
        _plain(found.carried),
        _plain(found.limit),
        _plain(found.spent),
        _plain(found.overrun),
        found.calls,
        found.unknown,
        tuple(
            ReachedStep(each.step.percent, each.step.action, each.step.of, each.at, each.calls, _plain(each.cost))
            for each in found.steps
        ),
    )


def _plain(amount: Decimal) -> Decimal:
    """The amount without superfluous zeros."""
    return Decimal(to_text(amount))


def _dates(window: Window) -> tuple[str, str]:
    return window.first.isoformat(), _last(window).isoformat()


def _last(window: Window) -> date:
    return window.after - _DAY
