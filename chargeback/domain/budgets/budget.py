"""A budget: whose spend it limits, to how much in which time, and which action each step towards the limit takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chargeback.domain.budgets.windows import Every
from chargeback.domain.time.effective import ALWAYS, Effective


class ScopeKind(StrEnum):
    """Which property of usage a budget looks at."""

    COST_CENTRE = "cost-centre"
    SUBSCRIPTION = "subscription"
    APP = "app"
    PRODUCT = "product"
    USER = "user"
    MODEL = "model"
    ALL = "all"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """Whose usage a budget limits.

    Attributes:
        kind: which property of usage is compared with the value.
        value: the path of a cost centre (everything below it included), the id of an API Management subscription or
            product, `tenant/application` of Entra, the id or pseudonym of a user, the base name of a model; empty for
            everything.
    """

    kind: ScopeKind
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else str(self.kind)


class Action(StrEnum):
    """What a step of a budget does, the mildest first."""

    NOTIFY = "notify"
    WARN = "warn"
    SWAP = "swap"
    THROTTLE = "throttle"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        """0 for the mildest."""
        return tuple(Action).index(self)


class Measure(StrEnum):
    """Which spend a step compares with the limit."""

    ACTUAL = "actual"
    FORECAST = "forecast"


@dataclass(frozen=True, slots=True)
class Step:
    """What happens once a percentage of the limit is reached.

    Attributes:
        percent: the part of the limit, above 0, with at most two decimals.
        action: what it does.
        of: which spend is compared with the limit: what was spent, or what the window is expected to end with.
        fallback: for a swap, the model or alias asked for → what is called in its place.
        tokens_per_minute: for a throttle, what each caller may use, above 0.
    """

    percent: Decimal
    action: Action
    of: Measure = Measure.ACTUAL
    fallback: Mapping[str, str] = field(default_factory=dict)
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Rollover:
    """What a window passes on to the next ones.

    Attributes:
        unspent: whether the unspent rest is added to the next window's limit.
        overage: whether spend beyond the limit is taken from the next window's limit; else it is forgiven.
        cap: the most that is carried of the unspent rest, as a percentage of the amount.
        expires_after: within how many windows the unspent rest has to be spent, at least 1.
    """

    unspent: bool = False
    overage: bool = False
    cap: Decimal = Decimal(100)
    expires_after: int = 1


NO_ROLLOVER = Rollover()


@dataclass(frozen=True, slots=True)
class Override:
    """A temporary change of one budget's limit, on record.

    Attributes:
        budget: its id.
        amount: added to the limit, in the budget's currency; below 0 lowers it.
        start: when it was made; it holds from then on.
        until: the moment at which it ends.
        by: who made it.
        reason: why.
    """

    budget: str
    amount: Decimal
    start: datetime
    until: datetime
    by: str
    reason: str

    def holds(self, moment: datetime) -> bool:
        """Whether the override is in force at a moment."""
        return self.start <= moment < self.until


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on billed usage. Shared costs and corrections are not part of it.

    Attributes:
        id: its name in the configuration, of letters, digits, `.`, `_`, `-` and `/`.
        scope: whose usage.
        amount: for one window, above zero.
        currency: the amount's.
        every: how long a window is, in the time zone of the books.
        steps: what happens on the way, in ascending order of percentages for each measure.
        owner: whom to ask for more.
        shadow: whether its steps are only reported: what would have happened is shown, and nothing happens.
        rollover: what goes over into the next window.
        effective: when it holds. Its first window is the one in which this begins.
    """

    id: str
    scope: Scope
    amount: Decimal
    currency: str
    every: Every
    steps: tuple[Step, ...] = ()
    owner: str = ""
    shadow: bool = False
    rollover: Rollover = NO_ROLLOVER
    effective: Effective = ALWAYS


def plain_budget(cost_centre: str, amount: Decimal, currency: str, percents: Iterable[Decimal]) -> Budget:
    """A monthly budget of a cost centre that only tells when parts of it are spent; it is named for the cost centre."""
    steps = tuple(Step(percent, Action.NOTIFY) for percent in percents)
    return Budget(cost_centre, Scope(ScopeKind.COST_CENTRE, cost_centre), amount, currency, Every.MONTH, steps)


def is_plain(budget: Budget) -> bool:
    """Whether `plain_budget` makes it from whole percentages."""
    percents = [step.percent for step in budget.steps]
    if any(percent % 1 for percent in percents):
        return False
    return budget == plain_budget(budget.scope.value, budget.amount, budget.currency, percents)
