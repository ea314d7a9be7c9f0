"""GET /api/v1/me and /me/usage: who somebody is here, and what they used, for whoever has a token of the tenant."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from chargeback.api.conventions.answering import tagged_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.pages import Paged
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.costs.answer import answer_costs
from chargeback.api.costs.asked import Asked, GroupBy
from chargeback.api.costs.figures import COSTS, TimeStep
from chargeback.api.people import Asking, require
from chargeback.bootstrap import Container
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.access.requester import RowScope
from chargeback.domain.costs.cost_query import Granularity


class WhoAnswer(msgspec.Struct, rename="camel", frozen=True):
    """Who somebody is here, and what they may see and do.

    Attributes:
        sees_everything: every row of the costs.
        cost_centres: those whose rows are seen, each with all below it.
        has_unknown_groups: the token names no groups, because they are too many: what groups own is left out.
        permissions: what their roles allow, as far as their cost centres reach.
    """

    id: str
    name: str
    roles: list[str]
    sees_everything: bool
    cost_centres: list[str]
    has_unknown_groups: bool
    permissions: list[str]


def router(container: Container) -> APIRouter:
    """What everybody may ask about themselves."""
    routes = people_routes("me")

    @routes.get("/me", operation_id="getMe", responses=answers(WhoAnswer), summary="Who you are")
    async def me(request: Request, who: Asking) -> Response:
        """Your roles, and what they let you see."""
        scope = who.scope
        found = WhoAnswer(
            who.identity.actor,
            who.name,
            sorted(who.roles),
            scope.everything,
            sorted(scope.cost_centres),
            who.has_unknown_groups,
            [each.value for each in Permission if refusal(who, each) is None],
        )
        return tagged_answer(request, found)

    @routes.get("/me/usage", operation_id="getMyUsage", responses=COSTS, summary="What you used")
    async def my_usage(
        request: Request,
        who: Asking,
        asked: Asked,
        page: Paged,
        granularity: Annotated[TimeStep | None, Query(description="Which time a row stands for.")] = None,
        group_by: GroupBy = None,
    ) -> Response:
        """What was used under your own verified identity, and what it costs. No role is needed."""
        require(who, Permission.READ_OWN_USAGE)
        query = asked.query(group_by, Granularity(granularity) if granularity else Granularity.NONE)
        return await answer_costs(container, request, query, RowScope(own=who.identity), page)

    return routes
