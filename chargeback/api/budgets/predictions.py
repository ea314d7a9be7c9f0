"""The routes that say how all budgets stand, which are overrun, and what a budget's window will end with."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from chargeback.api.budgets.bodies import BudgetStatus, id_in_path
from chargeback.api.budgets.seen import seen_budget, statuses
from chargeback.api.budgets.standing import BudgetStatuses
from chargeback.api.conventions.answering import json_answer, tagged_answer, version_but_for_moment
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.budgets.state import BudgetState
from chargeback.domain.money.exact import to_text
from chargeback.services.budgets.outlooks import WindowOutlook
from chargeback.services.budgets.seen_budgets import may_see_scope

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_MOST_PREDICTED = 100


class BudgetPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a budget's window is expected to end with. What nobody can tell yet is null.

    Attributes:
        prediction_confidence: how sure it is that the window ends between `predicted_low` and `predicted_high`.
        trend: `rising`, `falling` or `stable`: the rest of the window compared with what was spent in it by the day.
        used_up_since: the date on which the limit was used up; null: it is not.
        used_up_on, used_up_earliest, used_up_latest: the date on which it probably will be, and those that this lies
            between in eight of ten cases; null: not in this window.
    """

    budget: str
    currency: str
    predicted_monthly_cost: str | None
    predicted_low: str | None
    predicted_high: str | None
    prediction_confidence: str | None
    trend: str | None
    current_spend: str
    budget_limit: str
    days_remaining: int
    as_of: datetime
    used_up_since: str | None
    used_up_on: str | None
    used_up_earliest: str | None
    used_up_latest: str | None


class BudgetPredictions(msgspec.Struct, frozen=True):
    """What the windows of budgets are expected to end with.

    Attributes:
        waiting: budgets whose forecast is worked out now: ask again in some seconds.
    """

    as_of: datetime
    value: tuple[BudgetPrediction, ...]
    waiting: tuple[str, ...]


def router(container: "Container") -> APIRouter:
    """How budgets stand, and where they go."""
    routes = people_routes("budgets")

    @routes.get(
        "/budget/status",
        operation_id="getBudgetStatuses",
        responses=answers(BudgetStatuses),
        summary="How budgets stand",
    )
    async def status(request: Request, who: Asking) -> Response:
        """How every budget stands that is in force now and that you may see."""
        found, _ = await statuses(container, who, datetime.now(UTC))
        return _told(request, found)

    @routes.get(
        "/budget/violations",
        operation_id="listBudgetViolations",
        responses=answers(BudgetStatuses),
        summary="Budgets that are overrun",
    )
    async def violations(request: Request, who: Asking) -> Response:
        """The budgets of which all is spent."""
        found, _ = await statuses(container, who, datetime.now(UTC))
        return _told(request, [each for each in found if each.state == "critical"])

    @routes.get(
        "/budget/predict/{budget}",
        operation_id="predictBudget",
        responses=answers(BudgetPrediction),
        summary="What a budget's window will end with",
    )
    async def predict(request: Request, who: Asking, budget: str) -> Response:
        """What the window of a budget is expected to end with, and the bounds for eight of ten cases."""
        seen, now = await seen_budget(container, who, budget), datetime.now(UTC)
        found = await container.budget_states.evaluate(now)
        state = next((each for each in found.states if each.budget.id == seen.budget.id), None)
        if state is None:
            raise not_found()
        outlooks = await container.budget_outlooks.find([state], now, wait=True)
        content = _prediction(state, outlooks.get(seen.budget.id, _UNKNOWN), found.clock.today, now)
        return tagged_answer(request, content, version_but_for_moment(content))

    @routes.get(
        "/budget/predict",
        operation_id="predictBudgets",
        responses=answers(BudgetPredictions),
        summary="What the windows of budgets will end with",
    )
    async def predict_some(
        who: Asking,
        budget: Annotated[
            list[str] | None, Query(description="Its id, `/` or `:` within it; may be given several times.")
        ] = None,
    ) -> Response:
        """The same for several budgets. What takes long is worked out beside: `waiting` names those budgets."""
        require(who, Permission.READ_COSTS)
        names = {id_in_path(each) for each in budget or ()}
        if len(names) > _MOST_PREDICTED:
            message = f"that would be {len(names)} budgets: ask for {_MOST_PREDICTED} at most"
            raise ApiError(400, "TooManyRows", message, target="budget")
        now = datetime.now(UTC)
        found = await container.budget_states.evaluate(now)
        states = [each for each in found.states if each.budget.id in names and may_see_scope(who, each.budget.scope)]
        outlooks = await container.budget_outlooks.find(states, now, wait=False)
        value = [
            _prediction(each, outlooks[each.budget.id], found.clock.today, now)
            for each in states
            if each.budget.id in outlooks
        ]
        waiting = tuple(each.budget.id for each in states if each.budget.id not in outlooks)
        return json_answer(BudgetPredictions(now, tuple(value), waiting))

    def _told(request: Request, found: list[BudgetStatus]) -> Response:
        content = BudgetStatuses(found[0].as_of if found else datetime.now(UTC), tuple(found))
        return tagged_answer(request, content, "".join(map(version_but_for_moment, found)))

    return routes


_UNKNOWN = WindowOutlook(None)


def _prediction(state: BudgetState, outlook: WindowOutlook, today: date, now: datetime) -> BudgetPrediction:
    estimate = outlook.estimate
    window, spent = state.window, state.spend.total
    passed, left = (today - window.first).days + 1, (window.after - today).days
    expected = estimate.expected if estimate else None
    return BudgetPrediction(
        budget=state.budget.id,
        currency=state.budget.currency,
        predicted_monthly_cost=None if expected is None else to_text(expected),
        predicted_low=to_text(estimate.within_80.low) if estimate else None,
        predicted_high=to_text(estimate.within_80.high) if estimate else None,
        prediction_confidence="0.8" if estimate else None,
        trend=None if expected is None else _trend(spent, expected, passed, left),
        current_spend=to_text(spent),
        budget_limit=to_text(state.limit),
        days_remaining=left,
        as_of=now,
        used_up_since=_iso(outlook.reached),
        used_up_on=_iso(outlook.expected),
        used_up_earliest=_iso(outlook.earliest),
        used_up_latest=_iso(outlook.latest),
    )


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _trend(spent: Decimal, expected: Decimal, passed: int, left: int) -> str:
    """The rest of the window by the day, compared with what is over, where they differ by a tenth."""
    before, after = spent / passed, max(expected - spent, Decimal(0)) / max(left, 1)
    if after > before * Decimal("1.1"):
        return "rising"
    return "falling" if after < before * Decimal("0.9") else "stable"
