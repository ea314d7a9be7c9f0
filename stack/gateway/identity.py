"""Gets tokens for the gateway's own managed identity, and checks the tokens of clients against their issuer."""

import asyncio
import time
from typing import Any

import aiohttp
import jwt

from stack.gateway.config import Config
from stack.gateway.errors import PolicyError

_REFRESH_EARLY = 300
_KEYS_AGE = 300


class ManagedIdentity:
    """Gets tokens from the endpoint that App Service and Azure Functions use too, and keeps them."""

    def __init__(self, config: Config, session: aiohttp.ClientSession) -> None:
        self._endpoint, self._header, self._session = (
            config.identity_endpoint,
            config.identity_header,
            session,
        )
        self._tokens: dict[tuple[str, str | None], tuple[float, str]] = {}
        self._lock = asyncio.Lock()

    async def token(self, resource: str, client_id: str | None = None) -> str:
        """A bearer token for `resource`."""
        async with self._lock:
            expires, token = self._tokens.get((resource, client_id), (0.0, ""))
            if expires - _REFRESH_EARLY < time.time():
                expires, token = await self._fetch(resource, client_id)
                self._tokens[resource, client_id] = (expires, token)
        return token

    async def _fetch(self, resource: str, client_id: str | None) -> tuple[float, str]:
        if not self._endpoint:
            raise _failed("no managed-identity endpoint is configured")
        query = {
            "api-version": "2019-08-01",
            "resource": resource,
            **({"client_id": client_id} if client_id else {}),
        }
        try:
            async with self._session.get(
                self._endpoint, params=query, headers={"X-IDENTITY-HEADER": self._header}
            ) as answer:
                document = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError) as error:
            raise _failed(str(error)) from None
        if "access_token" not in document:
            raise _failed(f"the identity endpoint answered {answer.status}")
        return float(document["expires_on"]), str(document["access_token"])


def _failed(message: str) -> PolicyError:
    return PolicyError("authentication-managed-identity", "ManagedIdentityTokenFailed", message)


class Issuer:
    """Checks tokens against the signing keys that an OIDC issuer publishes."""

    def __init__(self, config: Config, session: aiohttp.ClientSession) -> None:
        self._url, self._session = config.openid_configuration, session
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    async def claims(
        self, token: str, *, tenant: str | None = None, url: str | None = None, leeway: int = 0
    ) -> dict[str, Any]:
        """The claims of a valid token; `jwt.InvalidTokenError` says what is wrong with another."""
        issuer = await self._issuer(url or (self._url or "").replace("{tenant}", tenant or "common"))
        header = jwt.get_unverified_header(token)
        keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(issuer["jwks"]).keys}
        key = keys.get(header.get("kid"))
        if key is None:
            raise jwt.InvalidSignatureError("the signing key is not the issuer's")
        options: Any = {"verify_aud": False, "require": ["exp"]}
        claims = jwt.decode(token, key, algorithms=["RS256"], options=options, leeway=leeway)
        if tenant and claims.get("tid", tenant) != tenant and tenant not in ("common", "organizations"):
            raise jwt.InvalidIssuerError("the token is of another tenant")
        return dict(claims)

    async def _issuer(self, url: str) -> dict[str, Any]:
        fetched, found = self._known.get(url, (0.0, {}))
        if fetched + _KEYS_AGE < time.monotonic() or not found:
            found = await self._get(url)
            found["jwks"] = await self._get(found["jwks_uri"])
            self._known[url] = (time.monotonic(), found)
        return found

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            async with self._session.get(url) as answer:
                return dict(await answer.json(content_type=None))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PolicyError("validate-jwt", "OpenIdConfigurationFailed", f"{url}: {error}") from None
