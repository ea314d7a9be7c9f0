"""The route /api/v1/explain: why a cost centre pays what it pays, down to the events of one charge."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from chargeback.api.conventions.answering import json_answer
from chargeback.api.conventions.documents import answers
from chargeback.api.conventions.people_routes import people_routes
from chargeback.api.errors import ApiError, not_found
from chargeback.api.people import Asking, require
from chargeback.api.periods.months import month_in_path
from chargeback.domain.access.permissions import Permission
from chargeback.domain.access.requester import RowScope
from chargeback.services.explaining.explanation import ExplainedShare, Explanation

if TYPE_CHECKING:
    from chargeback.bootstrap import Container


def router(container: "Container") -> APIRouter:
    """Why somebody pays."""
    routes = people_routes("explanations")

    @routes.get("/explain", operation_id="explainAmount", responses=answers(Explanation), summary="Explain an amount")
    async def explain(
        who: Asking,
        period: Annotated[str, Query(description="The month, YYYY-MM; it has to be published.")] = "",
        cost_centre: Annotated[str, Query(alias="costCentre", description="Its path, or `unallocated`.")] = "",
        charge: Annotated[str, Query(description="The id of a charge of the files: down to its events.")] = "",
        model: Annotated[str, Query(description="Only usage of this model.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000, description="How much of each list is given.")] = 10,
    ) -> Response:
        """Prices with their sources, the rule that decided who pays, shared costs, corrections and events.

        Whoever does not see all that the cost centre pays gets what their own calls cost it.
        """
        require(who, Permission.READ_COSTS)
        for name, value in (("period", period), ("costCentre", cost_centre)):
            if not value:
                raise ApiError(400, "InvalidParameter", f"{name}: is missing", target=name)
        of = month_in_path(period)
        own = None if who.scope.has_cost_centre(cost_centre) else who.scope.own
        if own is None and not who.scope.has_cost_centre(cost_centre):
            raise not_found()
        explainer = replace(container.explainer, limit=limit)
        found = await explainer.explain(of, cost_centre, model=model, charge_id=charge, own=own)
        return json_answer(_seen(found, who.scope))

    return routes


def _seen(found: Explanation, scope: RowScope) -> Explanation:
    """An explanation in which a shared cost names only those that somebody may see: what others pay is theirs."""
    share = found.charge
    if scope.everything or not isinstance(share, ExplainedShare):
        return found
    parts = [each for each in share.shared_cost.parts if scope.has_cost_centre(each.cost_centre)]
    split = msgspec.structs.replace(share.shared_cost, parts=parts)
    return msgspec.structs.replace(found, charge=msgspec.structs.replace(share, shared_cost=split))
