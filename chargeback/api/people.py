"""Knows who asks, by the bearer token of a request."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from chargeback.api.errors import ApiError, not_found
from chargeback.domain.access.permissions import Permission, Refusal, refusal
from chargeback.domain.access.requester import Requester

_described = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="entra", description="A token of Entra.")
"""Says in the OpenAPI document that a route needs a token."""


REQUESTER = "chargeback.requester"
"""Where a request of the pages has who is signed in: in the scope, which no client can write to."""


async def identify(request: Request) -> Requester:
    """Who asks; 401 without a token that can be trusted, 503 while nobody can tell."""
    signed_in = request.scope.get(REQUESTER)
    if isinstance(signed_in, Requester):
        return signed_in
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found: Requester | None = None
    if token and scheme.lower() == "bearer":
        found = await request.app.state.container.people.requester(token.strip())
    if found is None:
        challenge = 'Bearer error="invalid_token"' if token else "Bearer"
        message = "send a valid token of Entra for this API: Authorization: Bearer <token>"
        raise ApiError(401, "Unauthenticated", message, headers={"WWW-Authenticate": challenge})
    return found


async def requester(request: Request, _: Annotated[Any, Depends(_described)]) -> Requester:
    """Who asks, as the route has found out."""
    found: Requester = request.state.requester
    return found


Asking = Annotated[Requester, Depends(requester)]
"""The parameter of a route that says who asks."""


def require(who: Requester, permission: Permission) -> None:
    """Go on only where somebody may do something: 404 where they may not even know it, 403 where they may see it."""
    match refusal(who, permission):
        case Refusal.HIDDEN:
            raise not_found()
        case Refusal.FORBIDDEN:
            raise ApiError(403, "Forbidden", f"your roles do not allow this ({permission}): see docs/access.md")
