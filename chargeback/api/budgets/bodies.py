"""What routes about budgets take and give."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from chargeback.adapters.config.budget_entries import budget_entry
from chargeback.domain.budgets.budget import Action, Budget, Measure
from chargeback.domain.budgets.state import BudgetState
from chargeback.domain.budgets.windows import Every
from chargeback.domain.money.exact import to_text, total

Number = int | str
"""A whole number, or a decimal in quotes, so that no digit is lost."""


class StepBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What happens once a percentage of the limit is reached.

    Attributes:
        of: which spend is compared with the limit.
        swap: for `swap`, the model that is asked for → what is called in its place.
        tokens_per_minute: for `throttle`, what each caller may use.
    """

    percent: Number
    do: Action
    of: Measure = Measure.ACTUAL
    swap: dict[str, str] = {}
    tokens_per_minute: int | None = None


class RolloverBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What a window passes on to the next ones."""

    unspent: bool = False
    overage: bool = False
    cap: Number | None = None
    expires_after: int | None = None


class BudgetBody(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """A budget, as budgets.yaml has it.

    Attributes:
        cost_centre: the usage of exactly one of `costCentre`, `subscription`, `app`, `product`, `user`, `model` and
            `everything` is limited.
        currency: that of the books if left out.
        effective_from: a date of the books, or a whole hour in UTC; `effectiveTo` likewise, exclusive.
        reason: why it is made or changed; goes on the record.
    """

    id: str = ""
    cost_centre: str | None = None
    subscription: str | None = None
    app: str | None = None
    product: str | None = None
    user: str | None = None
    model: str | None = None
    everything: bool = False
    amount: Number
    currency: str | None = None
    every: Every = Every.MONTH
    steps: tuple[StepBody, ...]
    owner: str = ""
    shadow: bool = False
    rollover: RolloverBody | None = None
    effective_from: str | None = None
    effective_to: str | None = None
    reason: str = ""

    def entry(self, budget: str = "") -> Mapping[str, Any]:
        """The entry, with the id of the path where it says none."""
        said: dict[str, Any] = msgspec.to_builtins(self)
        said.pop("reason", None)
        return {**said, "id": self.id or budget}


class BudgetAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A budget as it is defined.

    Attributes:
        name_in_path: how a path names it: its id with `:` for each `/`.
        origin: `files`: budgets.yaml has it, and it is changed there; `made`: it was made beside the files.
        definition: as budgets.yaml would have it.
        place: where the files have it, such as `budgets.yaml:12`; told of one budget alone.
        changed_at, changed_by: the last change of a made one.
    """

    id: str
    name_in_path: str
    origin: str
    definition: dict[str, Any]
    changed_at: datetime | None = None
    changed_by: str = ""
    place: str = ""


class BudgetStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How a budget stands.

    Attributes:
        as_of: the moment at which that was.
        final: always false: later usage changes it.
        state: `healthy`, `warning` where a step is reached, `critical` where the limit is, `unknown`.
        begins, until: the first and the last date of the window.
        carried: from earlier windows, below zero where they overspent; `overrides`: what those in force add.
        known, estimated: posted and counted usage, and calls whose usage is not known yet; `spent` is both.
        remaining: below zero where the limit is overrun.
        forecast: what the window is expected to end with; null where nobody can tell, or no step rests on it.
        step, percent: the most severe step that is reached, and from which part of the limit on.
        acts: whether that step does something to calls now.
        unknown: why nobody can say how it stands.
    """

    id: str
    as_of: datetime
    final: bool
    state: str
    currency: str
    begins: str = ""
    until: str = ""
    amount: str = ""
    carried: str | None = None
    overrides: str | None = None
    limit: str | None = None
    known: str | None = None
    estimated: str | None = None
    spent: str | None = None
    remaining: str | None = None
    forecast: str | None = None
    step: Action | None = None
    percent: str | None = None
    acts: bool = False
    unknown: str = ""


def name_in_path(budget: str) -> str:
    """An id as a path has it: no id has a colon."""
    return budget.replace("/", ":")


def location_of(budget: str, among: str = "budgets") -> str:
    """Where a budget was made, as a header says it: in ASCII, whatever letters its id has."""
    return f"/api/v1/{among}/{quote(name_in_path(budget), safe=':')}"


def id_in_path(name: str) -> str:
    """The id that a path names."""
    return name.replace(":", "/")


def defined(budget: Budget, origin: str, changed_at: datetime | None = None, changed_by: str = "") -> BudgetAnswer:
    """The definition of a budget."""
    return BudgetAnswer(budget.id, name_in_path(budget.id), origin, budget_entry(budget), changed_at, changed_by)


def status_of(state: BudgetState, as_of: datetime) -> BudgetStatus:
    """How a budget stands."""
    budget, step = state.budget, state.step
    is_over = state.remaining <= 0
    return BudgetStatus(
        id=budget.id,
        as_of=as_of,
        final=False,
        state="critical" if is_over else "warning" if step else "healthy",
        currency=budget.currency,
        begins=state.window.first.isoformat(),
        until=str(state.window).rpartition(" ")[2],
        amount=to_text(budget.amount),
        carried=to_text(state.carried),
        overrides=to_text(total(each.amount for each in state.overrides)),
        limit=to_text(state.limit),
        known=to_text(state.spend.known),
        estimated=to_text(state.spend.estimated),
        spent=to_text(state.spend.total),
        remaining=to_text(state.remaining),
        forecast=None if state.forecast is None else to_text(state.forecast),
        step=step.action if step else None,
        percent=to_text(step.percent) if step else None,
        acts=state.action not in (None, Action.NOTIFY),
    )


def unknown_status(budget: Budget, as_of: datetime, reason: str) -> BudgetStatus:
    """A budget of which nobody can say how it stands."""
    return BudgetStatus(budget.id, as_of, final=False, state="unknown", currency=budget.currency, unknown=reason)
