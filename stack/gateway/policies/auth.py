"""Policies that authenticate the caller, or the gateway towards a backend: managed identity, Entra tokens, JWTs."""

from typing import Any

import jwt

from stack.gateway.call import Call
from stack.gateway.errors import PolicyError
from stack.gateway.nodes import Node
from stack.gateway.run import policy


@policy("authentication-managed-identity")
async def authentication_managed_identity(call: Call, node: Node) -> None:
    """Put a token of the gateway's identity into Authorization, or into a variable."""
    resource, client_id = await call.attributes(node, "resource", "client-id")
    try:
        token = await call.gateway.identity.token(resource, client_id)
    except PolicyError:
        if node.attributes.get("ignore-error") == "true":
            return
        raise
    variable = node.attributes.get("output-token-variable-name")
    if variable:
        call.set_variable(str(variable), token)
        return
    call.request.headers["Authorization"] = f"Bearer {token}"
    call.changed("request")


@policy("validate-azure-ad-token")
async def validate_azure_ad_token(call: Call, node: Node) -> None:
    """Refuse a call without a valid Entra token: tenant, audience, application and claims."""
    tenant = await call.text(node.attributes["tenant-id"])
    token = await _token(call, node)
    claims = await _claims(call, node, token, tenant=tenant)
    audiences = await _listed(call, node, "audiences")
    await _audience(call, node, claims, audiences)
    applications = await _listed(call, node, "client-application-ids")
    if applications and claims.get("appid", claims.get("azp")) not in applications:
        raise await _refusal(call, node, "TokenClaimValueNotAllowed", "Invalid client application id.")
    await _required(call, node, claims)
    _keep(call, node, token)


@policy("validate-jwt")
async def validate_jwt(call: Call, node: Node) -> None:
    """Refuse a call without a valid token of one of the issuers."""
    token = await _token(call, node)
    urls = [await call.text(child.attributes["url"]) for child in node.children if child.name == "openid-config"]
    claims = await _claims(call, node, token, url=urls[0] if urls else None)
    issuers = await _listed(call, node, "issuers")
    if issuers and claims.get("iss") not in issuers:
        raise await _refusal(call, node, "TokenIssuerNotAllowed", "Invalid issuer.")
    await _audience(call, node, claims, await _listed(call, node, "audiences"))
    await _required(call, node, claims)
    _keep(call, node, token)


async def _token(call: Call, node: Node) -> str:
    value, header, parameter = await call.attributes(node, "token-value", "header-name", "query-parameter-name")
    if value is None and parameter is not None:
        value = next((text for name, text in call.request.query if name == parameter), None)
    elif value is None:
        value = call.request.headers.get(header or "Authorization")
    if not value:
        raise await _refusal(call, node, "TokenNotPresent", "JWT not present.")
    return str(value).removeprefix("Bearer ").removeprefix("bearer ").strip()


async def _claims(call: Call, node: Node, token: str, **where: str | None) -> dict[str, Any]:
    try:
        return await call.gateway.issuer.claims(token, **where)  # type: ignore[arg-type]
    except jwt.ExpiredSignatureError:
        raise await _refusal(call, node, "TokenExpired", "The token has expired.") from None
    except jwt.InvalidSignatureError:
        raise await _refusal(call, node, "TokenSignatureInvalid", "Invalid signature.") from None
    except jwt.InvalidTokenError as error:
        raise await _refusal(call, node, "TokenInvalid", f"Invalid JWT: {error}.") from None


async def _audience(call: Call, node: Node, claims: dict[str, Any], allowed: list[str]) -> None:
    found = claims.get("aud", [])
    if allowed and not set(allowed) & set([found] if isinstance(found, str) else found):
        raise await _refusal(call, node, "TokenAudienceNotAllowed", "Invalid audience.")


async def _required(call: Call, node: Node, claims: dict[str, Any]) -> None:
    for child in node.children:
        if child.name == "required-claims":
            for claim in child.children:
                await _claim(call, node, claim, claims)


async def _claim(call: Call, node: Node, claim: Node, claims: dict[str, Any]) -> None:
    name, match, separator = await call.attributes(claim, "name", "match", "separator")
    wanted = {await call.text(value.text) for value in claim.children}
    found = claims.get(name)
    if found is None:
        raise await _refusal(call, node, "TokenClaimNotFound", f"Claim {name} is missing.")
    held = {str(item) for item in found} if isinstance(found, list) else set(str(found).split(separator))
    fits = bool(wanted & held) if match == "any" else wanted <= held
    if wanted and not fits:
        raise await _refusal(call, node, "TokenClaimValueNotAllowed", f"Claim {name} has no allowed value.")


async def _listed(call: Call, node: Node, name: str) -> list[str]:
    parts = [part for child in node.children if child.name == name for part in child.children]
    return [(await call.text(part.text)).strip() for part in parts]


async def _refusal(call: Call, node: Node, reason: str, message: str) -> PolicyError:
    status, told = await call.attributes(node, "failed-validation-httpcode", "failed-validation-error-message")
    return PolicyError(node.name, reason, told or message, int(status or 401))


def _keep(call: Call, node: Node, token: str) -> None:
    variable = node.attributes.get("output-token-variable-name")
    if variable:
        call.set_variable(str(variable), token, "Jwt")
