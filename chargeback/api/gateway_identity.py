"""Lets the gateway's identity ask, and nobody else."""

from fastapi import HTTPException

from chargeback.bootstrap import Container


async def require_gateway(container: Container, authorization: str | None) -> None:
    """401 without a token that can be trusted, 403 for one of somebody else, 503 while nobody can tell."""
    scheme, _, token = (authorization or "").partition(" ")
    tokens = container.gateway_tokens
    found = await tokens.application(token) if tokens and scheme.lower() == "bearer" else None
    if found is None:
        raise HTTPException(401, "send a token of the gateway's identity as bearer")
    known = container.settings.owners_principal_ids.split(",")
    if found.app_id != container.settings.owners_client_id and (not found.object_id or found.object_id not in known):
        raise HTTPException(403, "only the gateway's identity may ask")
