"""The routes that say how all budgets stand, which are overrun, and what a budget's window will end with."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from chargeback.api.budgets.bodies import BudgetStatus
from chargeback.api.budgets.seen import seen_budget, statuses
from chargeback.api.budgets.standing import BudgetStatuses
from chargeback.api.conventions.answering import tagged_answer, version_but_for_moment
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import not_found
from chargeback.api.people import Asking
from chargeback.domain.budgets.state import BudgetState
from chargeback.domain.money.exact import to_text
from chargeback.domain.outlook.forecast import Estimate

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


class BudgetPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a budget's window is expected to end with. What nobody can tell yet is null.

    Attributes:
        prediction_confidence: how sure it is that the window ends between `predicted_low` and `predicted_high`.
        trend: `rising`, `falling` or `stable`: the rest of the window compared with what was spent in it by the day.
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
        estimate = (await container.budget_states.forecast([seen.budget], now)).get(seen.budget.id)
        content = _prediction(state, estimate, found.clock.today, now)
        return tagged_answer(request, content, version_but_for_moment(content))

    def _told(request: Request, found: list[BudgetStatus]) -> Response:
        content = BudgetStatuses(found[0].as_of if found else datetime.now(UTC), tuple(found))
        return tagged_answer(request, content, "".join(map(version_but_for_moment, found)))

    return routes


def _prediction(state: BudgetState, estimate: Estimate | None, today: date, now: datetime) -> BudgetPrediction:
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
    )


def _trend(spent: Decimal, expected: Decimal, passed: int, left: int) -> str:
    """The rest of the window by the day, compared with what is over, where they differ by a tenth."""
    before, after = spent / passed, max(expected - spent, Decimal(0)) / max(left, 1)
    if after > before * Decimal("1.1"):
        return "rising"
    return "falling" if after < before * Decimal("0.9") else "stable"
