"""Arranges what the API says of a budget: whose usage, how much is used, which step holds, and how urgent that is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import msgspec

from chargeback.api.budgets.bodies import BudgetAnswer, BudgetBody, BudgetStatus, StepBody
from chargeback.api.budgets.predictions import BudgetPrediction
from chargeback.domain.budgets.budget import Action, Measure, Scope, ScopeKind
from chargeback.domain.budgets.windows import Every
from chargeback.domain.money.exact import EXACT, ZERO
from chargeback.services.budgets.wording import HAPPENS_NOW, WOULD_HAPPEN

SCOPES = {
    ScopeKind.COST_CENTRE: ("costCentre", "Cost centre"),
    ScopeKind.SUBSCRIPTION: ("subscription", "Subscription"),
    ScopeKind.APP: ("app", "Application"),
    ScopeKind.PRODUCT: ("product", "Product"),
    ScopeKind.USER: ("user", "User"),
    ScopeKind.MODEL: ("model", "Model"),
    ScopeKind.ALL: ("everything", "All usage"),
}
"""Kind → the field of a definition, and its name on a page."""

WINDOWS = {
    Every.DAY: "each day",
    Every.WEEK: "each week",
    Every.MONTH: "each month",
    Every.QUARTER: "each quarter",
    Every.YEAR: "each year",
}

_HUNDRED = Decimal(100)
_CALM = 9


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget with how it stands.

    Attributes:
        status: None where it is not in force now.
        prediction: None where it is worked out now, or nobody can tell.
        is_waiting: whether it is worked out now.
        today: the date of the books.
    """

    answer: BudgetAnswer
    body: BudgetBody
    status: BudgetStatus | None
    today: date
    prediction: BudgetPrediction | None = None
    is_waiting: bool = False

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"/budgets/{self.answer.name_in_path}"

    @property
    def scope(self) -> Scope:
        """Whose usage it limits."""
        return scope_of(self.body)

    @property
    def scope_word(self) -> str:
        """Such as Cost centre."""
        return SCOPES[self.scope.kind][1]

    @property
    def window_word(self) -> str:
        """Such as each month."""
        return WINDOWS[self.body.every]

    @property
    def days_left(self) -> int:
        """Days of the window that are left, today included."""
        return (
            0
            if not self.is_known or self.status is None
            else (date.fromisoformat(self.status.until) - self.today).days + 1
        )

    @property
    def is_known(self) -> bool:
        """Whether somebody can say how it stands."""
        return self.status is not None and self.status.limit is not None

    @property
    def used(self) -> Decimal | None:
        """How much of the limit is used, in percent; None: nobody can say, or there is no limit left."""
        return self._share(self.status.spent) if self.status else None

    @property
    def known_share(self) -> Decimal | None:
        """The same of what is known, without estimates."""
        return self._share(self.status.known) if self.status else None

    @property
    def is_over(self) -> bool:
        """Whether all of the limit is used."""
        return self.status is not None and self.status.state == "critical"

    @property
    def expects_overrun(self) -> bool:
        """Whether the window is expected to end above the limit."""
        found = self.prediction
        if found is None or found.predicted_monthly_cost is None:
            return False
        return Decimal(found.predicted_monthly_cost) > Decimal(found.budget_limit)

    @property
    def state(self) -> str:
        """The state that a list can be filtered by."""
        if self.status is None:
            return "not in force"
        return {"critical": "used up", "warning": "step reached"}.get(self.status.state, self.status.state)

    @property
    def happens(self) -> str:
        """What the step that is reached does, or would do; empty where none is."""
        status = self.status
        if status is None or status.step is None:
            return ""
        return (WOULD_HAPPEN if self.body.shadow else HAPPENS_NOW)[status.step]

    @property
    def rests_on_forecast(self) -> bool:
        """Whether that step is one of what is expected."""
        return self.status is not None and rests_on_forecast(self.status)

    @property
    def mark(self) -> str:
        """How much the step that is reached is to stand out."""
        if self.status is None or self.status.step is None or self.body.shadow:
            return ""
        return {Action.BLOCK: "bad", Action.NOTIFY: ""}.get(self.status.step, "warn")

    @property
    def next_step(self) -> StepBody | None:
        """The step that comes next: by what was spent, or where there is none, by what is expected."""
        left = [each for each in self.body.steps if not self._is_reached(each)] if self.is_known else []
        return min(left, key=lambda each: (each.of is Measure.FORECAST, Decimal(each.percent)), default=None)

    @property
    def urgency(self) -> tuple[int, Decimal, str]:
        """The most urgent first: refused, used up, unknown, other steps that act, steps, forecasts, the rest."""
        acts = self.status is not None and self.status.acts
        reasons = (
            acts and self.status is not None and self.status.step is Action.BLOCK,
            self.is_over and not self.body.shadow,
            self.status is not None and not self.is_known,
            acts,
            self.is_over,
            self.status is not None and self.status.step is not None,
            self.expects_overrun,
            self.status is not None,
        )
        first = next((number for number, each in enumerate(reasons) if each), _CALM)
        return first, -(self.used or ZERO), self.answer.id

    def _share(self, amount: str | None) -> Decimal | None:
        if self.status is None or amount is None or not self.status.limit or not Decimal(self.status.limit):
            return None
        return EXACT.multiply(Decimal(amount), _HUNDRED) / Decimal(self.status.limit)

    def _is_reached(self, step: StepBody) -> bool:
        status = self.status
        if status is None or status.limit is None or status.spent is None:
            return False
        amount = Decimal(status.spent)
        if step.of is Measure.FORECAST:
            if status.forecast is None:
                return False
            amount = max(amount, Decimal(status.forecast))
        return EXACT.multiply(amount, _HUNDRED) >= EXACT.multiply(Decimal(status.limit), Decimal(step.percent))


def rests_on_forecast(status: BudgetStatus) -> bool:
    """Whether the step that is reached is one of what is expected: what is spent has not reached it."""
    if status.percent is None or status.spent is None or status.limit is None:
        return False
    reached = EXACT.multiply(Decimal(status.limit), Decimal(status.percent))
    return EXACT.multiply(Decimal(status.spent), _HUNDRED) < reached


def views_of(
    definitions: Iterable[BudgetAnswer], statuses: Mapping[str, BudgetStatus], today: date
) -> list[BudgetView]:
    """Budgets with how they stand, the most urgent first."""
    found = [view_of(each, statuses.get(each.id), today) for each in definitions]
    return sorted(found, key=lambda each: each.urgency)


def view_of(answer: BudgetAnswer, status: BudgetStatus | None, today: date) -> BudgetView:
    """A budget with how it stands."""
    return BudgetView(answer, msgspec.convert(answer.definition, BudgetBody), status, today)


def scope_of(body: BudgetBody) -> Scope:
    """Whose usage a definition names."""
    named = msgspec.to_builtins(body)
    for kind, (field, _) in SCOPES.items():
        if named.get(field):
            return Scope(kind, "" if kind is ScopeKind.ALL else str(named[field]))
    return Scope(ScopeKind.ALL)
