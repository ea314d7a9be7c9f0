"""The routes /api/v1/budget/rules: monthly budgets under the names that other products have for them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from chargeback.api.acting.repeatable import once, posting
from chargeback.api.bodies import bounded, decoded
from chargeback.api.budgets.bodies import location_of
from chargeback.api.budgets.definitions import LARGEST_BUDGET, change_budget, create_budget, tag_of_budget
from chargeback.api.budgets.rule_bodies import BudgetRule, BudgetRules, RuleBody, budget_of_rule, is_rule, rule_of
from chargeback.api.budgets.seen import just_made, seen_budget, seen_budgets, statuses
from chargeback.api.conventions.answering import json_answer, tagged_answer
from chargeback.api.conventions.documents import answers, body
from chargeback.api.conventions.entity_tags import VARY, unchanged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import not_found
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

_EXAMPLE = {
    "name": "product/search/production",
    "cost_centre": "product/search",
    "monthly_limit_usd": "2000.00",
    "alert_threshold": "0.8",
    "swap_threshold": "0.9",
    "auto_switch_enabled": True,
    "primary_model": "gpt-5.5",
    "fallback_model": "gpt-5.4-mini",
}


def router(container: "Container") -> APIRouter:
    """Budgets under other names."""
    routes = people_routes("budgets")

    @routes.get("/budget/rules", operation_id="listBudgetRules", responses=answers(BudgetRules), summary="List rules")
    async def rules(request: Request, who: Asking) -> Response:
        """The monthly budgets in US dollars that you may see. /budgets has all, with all that they say."""
        spent = await _spent(container, who)
        found = [each for each in await seen_budgets(container, who) if is_rule(each)]
        content = BudgetRules(tuple(rule_of(each, spent) for each in found))
        return tagged_answer(request, content)

    @routes.post(
        "/budget/rules",
        status_code=201,
        operation_id="createBudgetRule",
        responses=answers(BudgetRule, status=201, errors=(403, 409, 413)),
        openapi_extra=posting(body(RuleBody, example=_EXAMPLE)),
        summary="Make a rule",
    )
    async def create(request: Request, who: Asking) -> Response:
        """Make a monthly budget in US dollars. /budgets can say more."""
        require(who, Permission.CHANGE_BUDGETS)
        content = await bounded(request, LARGEST_BUDGET)
        asked = budget_of_rule(decoded(RuleBody, content))

        async def make(now: datetime, _: str) -> Response:
            made = await create_budget(container, who, asked, now)
            found = just_made(made)
            headers = {"Location": location_of(made.id, "budget/rules"), "ETag": tag_of_budget(found)}
            return json_answer(rule_of(found, {}), 201, headers)

        return await once(container, request, who, content, make)

    @routes.get(
        "/budget/rules/{rule}", operation_id="getBudgetRule", responses=answers(BudgetRule), summary="Read a rule"
    )
    async def read(request: Request, who: Asking, rule: str) -> Response:
        """A monthly budget in US dollars; any other budget is at /budgets alone."""
        found = await seen_budget(container, who, rule)
        if not is_rule(found):
            raise not_found()
        tag = tag_of_budget(found)
        if same := unchanged(request, tag):
            return same
        spent = await _spent(container, who)
        return json_answer(rule_of(found, spent), headers={"ETag": tag, **VARY})

    @routes.put(
        "/budget/rules/{rule}",
        operation_id="changeBudgetRule",
        responses=answers(BudgetRule, errors=(403, 409, 412, 413, 428)),
        openapi_extra=body(RuleBody, example=_EXAMPLE),
        summary="Change a rule",
    )
    async def change(request: Request, who: Asking, rule: str) -> Response:
        """Put another rule in the place of the one that you have read."""
        require(who, Permission.CHANGE_BUDGETS)
        asked = budget_of_rule(decoded(RuleBody, await bounded(request, LARGEST_BUDGET)))
        made = await change_budget(container, request, who, rule, asked)
        found = just_made(made)
        return json_answer(rule_of(found, {}), headers={"ETag": tag_of_budget(found)})

    return routes


async def _spent(container: "Container", who: Requester) -> dict[str, str | None]:
    found, _ = await statuses(container, who, datetime.now(UTC))
    return {each.id: each.spent for each in found}
