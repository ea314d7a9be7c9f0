"""GET /api/v1/budgets/decisions/{product}: a gateway that knows nothing asks what budgets decide. Nobody else may."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException
from fastapi.responses import PlainTextResponse

from chargeback.api.conventions.documents import refusals
from chargeback.api.gateway_identity import require_gateway
from chargeback.bootstrap import Container


def router(container: Container) -> APIRouter:
    """The one question of the gateway about budgets."""
    routes = APIRouter(tags=["gateway"], redirect_slashes=False)

    @routes.get(
        "/budgets/decisions/{product}",
        operation_id="getDecisions",
        summary="What budgets decide",
        response_class=PlainTextResponse,
        responses=refusals(401, 403, 404, 503),
    )
    async def decisions(product: str, authorization: Annotated[str | None, Header()] = None) -> PlainTextResponse:
        """The string of decisions, as the gateway keeps it. 503 while a store is away."""
        await require_gateway(container, authorization)
        found = (await container.decisions.decide(datetime.now(UTC))).texts.get(product)
        if found is None:
            raise HTTPException(404, "the configuration has no such product")
        return PlainTextResponse(found.text)

    return routes
