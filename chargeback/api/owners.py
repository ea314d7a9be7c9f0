"""POST /api/v1/owners: tells the gateway, and nobody else, who owns stored objects that its cache does not know."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, HTTPException, Request, Response

from chargeback.api.bodies import bounded
from chargeback.api.conventions.documents import answer_of, body, refusals
from chargeback.api.gateway_identity import require_gateway
from chargeback.bootstrap import Container

MAX_BODY_BYTES = 256 * 1024

MOST_OBJECTS = 20
"""A call that names more made-up ids than that costs no further reads: it is refused by any one of them."""

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,256}\Z")]


class ObjectsAsked(msgspec.Struct, frozen=True):
    """The stored objects that are asked for."""

    objects: Annotated[list[Id], msgspec.Meta(max_length=512)]


class ObjectOwner(msgspec.Struct, frozen=True):
    """Who made a stored object, and where it lies."""

    owner: str
    product: str
    host: str
    deployment: str


class ObjectOwners(msgspec.Struct, frozen=True):
    """Those of the objects that are known."""

    objects: dict[str, ObjectOwner]


_decode = msgspec.json.Decoder(ObjectsAsked).decode


def router(container: Container) -> APIRouter:
    """The one question of the gateway."""
    routes = APIRouter(tags=["gateway"], redirect_slashes=False)

    @routes.post(
        "/owners",
        operation_id="findOwners",
        summary="Who owns stored objects",
        openapi_extra=body(ObjectsAsked, example={"objects": ["file-1"]}),
        responses=answer_of(ObjectOwners) | refusals(400, 401, 403, 413, 503),
    )
    async def owners(request: Request, authorization: Annotated[str | None, Header()] = None) -> Response:
        """Owner, product, host and deployment of each object that is known; the others are left out.

        503 while a store or the tenant's keys are away.
        """
        await require_gateway(container, authorization)
        try:
            asked = _decode(await bounded(request, MAX_BODY_BYTES))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HTTPException(400, f"expected {{objects: [id, …]}}, 512 at most: {error}") from None
        found = await container.object_index.find(asked.objects, MOST_OBJECTS)
        known = {
            name: {"owner": each.owner, "product": each.product, "host": each.backend, "deployment": each.deployment}
            for name, each in found.items()
        }
        return Response(msgspec.json.encode({"objects": known}), media_type="application/json")

    return routes
