"""The routes /api/v1/budgets: the budgets that somebody may see, and making, changing and deleting them."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from chargeback.adapters.config.budget_entries import place_of_entry
from chargeback.api.acting.repeatable import once, posting
from chargeback.api.bodies import bounded, decoded
from chargeback.api.budgets.bodies import BudgetAnswer, BudgetBody, id_in_path, location_of
from chargeback.api.budgets.seen import SeenBudget, changing, just_made, require_own_centre, seen_budget, seen_budgets
from chargeback.api.conventions.answering import json_answer, tagged_answer
from chargeback.api.conventions.documents import answers, body
from chargeback.api.conventions.entity_tags import VARY, require_match, tag_of, unchanged
from chargeback.api.conventions.pages import Paged, next_link
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError
from chargeback.api.people import Asking, require
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import Requester
from chargeback.domain.errors import Superseded
from chargeback.services.budgets.change_budgets import BudgetChanger
from chargeback.services.budgets.made_budgets import BudgetRecord

if TYPE_CHECKING:
    from chargeback.bootstrap import Container

LARGEST_BUDGET = 64 * 1024

_EXAMPLE = {
    "id": "product/search/launch",
    "costCentre": "product/search",
    "amount": 2000,
    "every": "month",
    "steps": [{"percent": 80, "do": "warn"}, {"percent": 100, "do": "block"}],
    "owner": "Search leads, search-leads@example.com",
    "shadow": True,
    "reason": "the launch",
}


class BudgetPage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Budgets as they are defined."""

    value: tuple[BudgetAnswer, ...]
    next_link: str = ""


def router(container: "Container") -> APIRouter:
    """Reading and changing budgets."""
    routes = people_routes("budgets")

    @routes.get("/budgets", operation_id="listBudgets", responses=answers(BudgetPage), summary="List budgets")
    async def listed(
        request: Request,
        who: Asking,
        page: Paged,
        cost_centre: Annotated[str | None, Query(alias="costCentre", description="With everything below it.")] = None,
    ) -> Response:
        """The budgets that you may see, by id. How they stand is at /budget/status."""
        found = [each for each in await seen_budgets(container, who) if _is_below(each, cost_centre)]
        some = tuple(each.answer for each in found[page.offset : page.offset + page.size])
        end = page.offset + len(some)
        link = await next_link(request, end) if end < len(found) and some else ""
        content = BudgetPage(some, link)
        return tagged_answer(request, content, msgspec.json.encode(some).decode())

    @routes.post(
        "/budgets",
        status_code=201,
        operation_id="createBudget",
        responses=answers(BudgetAnswer, status=201, errors=(403, 409, 413)),
        openapi_extra=posting(body(BudgetBody, example=_EXAMPLE)),
        summary="Make a budget",
    )
    async def create(request: Request, who: Asking) -> Response:
        """Make a budget beside budgets.yaml, in force at once. Owners set limits below their own cost centres."""
        require(who, Permission.CHANGE_BUDGETS)
        content = await bounded(request, LARGEST_BUDGET)
        asked = decoded(BudgetBody, content)

        async def make(now: datetime, _: str) -> Response:
            made = await create_budget(container, who, asked, now)
            return budget_answer(made, status=201)

        return await once(container, request, who, content, make)

    @routes.get("/budgets/{budget}", operation_id="getBudget", responses=answers(BudgetAnswer), summary="Read a budget")
    async def read(request: Request, who: Asking, budget: str) -> Response:
        """A budget as it is defined. In the path its id has `:` for each `/`."""
        found = await seen_budget(container, who, budget)
        tag = tag_of_budget(found)
        if same := unchanged(request, tag):
            return same
        answer = found.answer
        if found.record is None:
            place = await asyncio.to_thread(place_of_entry, container.settings.config_folder, found.budget.id)
            answer = msgspec.structs.replace(answer, place=place)
        return json_answer(answer, headers={"ETag": tag, **VARY})

    @routes.put(
        "/budgets/{budget}",
        operation_id="changeBudget",
        responses=answers(BudgetAnswer, errors=(403, 409, 412, 413, 428)),
        openapi_extra=body(BudgetBody, example=_EXAMPLE),
        summary="Change a budget",
    )
    async def change(request: Request, who: Asking, budget: str) -> Response:
        """Put another definition in the place of the one that you have read."""
        require(who, Permission.CHANGE_BUDGETS)
        asked = decoded(BudgetBody, await bounded(request, LARGEST_BUDGET))
        made = await change_budget(container, request, who, budget, asked)
        return budget_answer(made)

    @routes.delete(
        "/budgets/{budget}",
        status_code=204,
        operation_id="deleteBudget",
        responses={**answers(BudgetAnswer, errors=(403, 409, 412, 428)), 204: {"description": "It is deleted."}},
        summary="Delete a budget",
    )
    async def delete(
        request: Request,
        who: Asking,
        budget: str,
        reason: Annotated[str, Query(description="Why; goes on the record.")] = "",
    ) -> Response:
        """Delete a budget that was made beside budgets.yaml. Its history stays, and its id is not used again."""
        found = await _required(container, request, who, budget)
        changer, tag = BudgetChanger(who.by, reason, changing(who)), found.record.tag if found.record else None
        try:
            await container.change_budgets.delete(found.budget.id, changer, datetime.now(UTC), tag=tag)
        except Superseded as error:
            raise changed_meanwhile(error) from None
        container.nudge_budgets()
        return Response(status_code=204)

    return routes


async def create_budget(container: "Container", who: Requester, asked: BudgetBody, now: datetime) -> BudgetRecord:
    """Make a budget for somebody who may."""
    require_own_centre(who, asked, asked.id)
    changer = BudgetChanger(who.by, asked.reason, changing(who))
    made = await container.change_budgets.create(asked.entry(), changer, now)
    container.nudge_budgets()
    return made


async def change_budget(
    container: "Container", request: Request, who: Requester, name: str, asked: BudgetBody
) -> BudgetRecord:
    """Change a budget for somebody who may and who has read it."""
    found = await _required(container, request, who, name)
    require_own_centre(who, asked, found.budget.id)
    changer = BudgetChanger(who.by, asked.reason, changing(who))
    entry, tag = asked.entry(id_in_path(name)), found.record.tag if found.record else None
    try:
        made = await container.change_budgets.change(found.budget.id, entry, changer, datetime.now(UTC), tag=tag)
    except Superseded as error:
        raise changed_meanwhile(error) from None
    container.nudge_budgets()
    return made


def changed_meanwhile(error: Superseded) -> ApiError:
    """Somebody else changed what was read."""
    return ApiError(412, "PreconditionFailed", f"{error}", target="If-Match")


async def _required(container: "Container", request: Request, who: Requester, name: str) -> SeenBudget:
    """The budget, of which the request has read the latest version, and which somebody may change."""
    require(who, Permission.CHANGE_BUDGETS)
    found = await seen_budget(container, who, name)
    changing(who)(found.budget)
    require_match(request, tag_of_budget(found))
    return found


def budget_answer(made: BudgetRecord, status: int = 200) -> Response:
    """The answer to whoever changed a budget."""
    found = just_made(made)
    headers = {"Location": location_of(made.id)} if status == 201 else {}
    return json_answer(found.answer, status, {"ETag": tag_of_budget(found), **headers})


def tag_of_budget(found: SeenBudget) -> str:
    """The entity tag of a definition, whoever reads it: one that a change can name."""
    version = found.record.tag if found.record else msgspec.json.encode(found.answer).decode()
    return tag_of(["budget", found.budget.id, version])


def _is_below(found: SeenBudget, centre: str | None) -> bool:
    scope = found.budget.scope
    return centre is None or (str(scope.kind) == "cost-centre" and f"{scope.value}/".startswith(f"{centre}/"))
