"""Finds the budgets that somebody may see; what they may not see does not exist for them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chargeback.api.budgets.bodies import (
    BudgetAnswer,
    BudgetBody,
    BudgetStatus,
    defined,
    id_in_path,
    status_of,
    unknown_status,
)
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.budgets.budget import Budget, Scope, ScopeKind
from chargeback.services.access.limiting import may_limit
from chargeback.services.budgets.made_budgets import BudgetRecord
from chargeback.services.budgets.seen_budgets import is_own_name, may_see_scope
from chargeback.services.budgets.states import Evaluation

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


@dataclass(frozen=True, slots=True)
class SeenBudget:
    """A budget with the record of who made it; None where the files have it."""

    budget: Budget
    record: BudgetRecord | None

    @property
    def answer(self) -> BudgetAnswer:
        """Its definition."""
        if self.record is None:
            return defined(self.budget, "files")
        last = self.record.changes[-1]
        return defined(self.budget, "made", last.at, last.by)


def just_made(record: BudgetRecord) -> SeenBudget:
    """The budget of a record that was written just now, which is not that of a deletion."""
    assert record.budget is not None
    return SeenBudget(record.budget, record)


async def seen_budgets(container: "Container", who: Requester) -> list[SeenBudget]:
    """All that somebody may see, by id; also what another instance made or deleted a moment ago."""
    require(who, Permission.READ_COSTS)
    filed = {each.id: SeenBudget(each, None) for each in (await container.catalogues.terms()).filed_budgets}
    records = await container.change_budgets.made.records()
    made = {each.id: SeenBudget(each.budget, each) for each in records if each.budget is not None}
    found = (made | filed).values()
    return sorted((each for each in found if may_see_scope(who, each.budget.scope)), key=lambda each: each.budget.id)


async def seen_budget(container: "Container", who: Requester, name: str) -> SeenBudget:
    """A budget by the name that a path has for it; 404 for what is not there or not for this person."""
    require(who, Permission.READ_COSTS)
    wanted = id_in_path(name)
    terms = await container.catalogues.terms()
    for each in terms.filed_budgets:
        if each.id == wanted and may_see_scope(who, each.scope):
            return SeenBudget(each, None)
    record = await container.change_budgets.made.get(wanted)
    if record is None or record.budget is None or not may_see_scope(who, record.budget.scope):
        raise not_found()
    if wanted in {each.id for each in terms.filed_budgets}:
        raise not_found()
    return SeenBudget(record.budget, record)


async def statuses(container: "Container", who: Requester, now: datetime) -> tuple[list[BudgetStatus], Evaluation]:
    """How the budgets in force stand that somebody may see, by id."""
    require(who, Permission.READ_COSTS)
    found = await container.budget_states.evaluate(now)
    seen = [status_of(each, now) for each in found.states if may_see_scope(who, each.budget.scope)]
    budgets = {each.id: each for each in (await container.catalogues.terms()).budgets}
    seen += [
        unknown_status(budgets[name], now, reason)
        for name, reason in found.unknown.items()
        if name in budgets and may_see_scope(who, budgets[name].scope)
    ]
    return sorted(seen, key=lambda each: each.id), found


def changing_limit(who: Requester, budget: Budget) -> None:
    """Raises where somebody sees a budget and does not set its limit."""
    _require_limit(who, budget.scope)


def changing(who: Requester) -> Callable[[Budget], None]:
    """Raises where somebody may not see a budget, or not change it, or not give it this id."""

    def check(budget: Budget) -> None:
        if not may_see_scope(who, budget.scope):
            raise not_found()
        _require_limit(who, budget.scope)
        _require_own_name(who, budget.id, budget.scope.value)

    return check


def require_own_centre(who: Requester, body: BudgetBody, budget: str) -> None:
    """Look at what an owner may limit before anything is looked up: a fault would tell what there is elsewhere."""
    if not who.scope.everything:
        centre = body.cost_centre or ""
        if not who.scope.has_cost_centre(centre):
            raise not_found()
        _require_limit(who, Scope(ScopeKind.COST_CENTRE, centre))
        _require_own_name(who, budget, centre)


def _require_limit(who: Requester, scope: Scope) -> None:
    if not may_limit(who, scope):
        raise ApiError(403, "Forbidden", "you may see this limit, and not set it: see docs/access.md")


def _require_own_name(who: Requester, budget: str, centre: str) -> None:
    if not is_own_name(who, budget, centre):
        message = f"has to be {centre!r}, or to begin with {centre + '/'!r}"
        raise ApiError(400, "InvalidBody", f"id: {message}", target="id")
