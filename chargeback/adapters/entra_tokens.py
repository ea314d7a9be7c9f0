"""Which Entra application a bearer token is of: its signature, audience, issuer and time are checked.

Keys come from the tenant's own discovery document (learn.microsoft.com/entra/identity-platform/access-tokens).
"""

import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt

from chargeback.domain.errors import StoreUnavailable

FRESH_SECONDS = 3_600.0
AGAIN_SECONDS = 60.0
"""An unknown key is looked for at most once a minute."""


@dataclass(frozen=True, slots=True)
class Application:
    """Who a token is of."""

    app_id: str
    roles: tuple[str, ...]


class EntraTokens:
    """Checks tokens of one tenant for one audience."""

    def __init__(self, authority: str, tenant: str, audience: str) -> None:
        self._base = f"{authority}/{tenant}/v2.0/.well-known/openid-configuration"
        self._tenant = tenant
        self._audience = audience
        self._issuers: tuple[str, ...] = ()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")

    async def application(self, token: str) -> Application | None:
        """The application, or None if the token is not to be trusted. Raises `StoreUnavailable`."""
        try:
            name = str(jwt.get_unverified_header(token).get("kid", ""))
            key = await self._key(name)
            claims = key and jwt.decode(
                token, key, algorithms=["RS256"], audience=self._audience, options={"require": ["exp", "iss", "aud"]}
            )
        except jwt.PyJWTError:
            return None
        if not claims or claims["iss"] not in self._issuers:
            return None
        roles = claims.get("roles")
        named = tuple(str(role) for role in roles) if isinstance(roles, list) else ()
        return Application(str(claims.get("azp") or claims.get("appid") or ""), named)

    async def _key(self, name: str) -> jwt.PyJWK | None:
        age = time.monotonic() - self._read_at
        if age > FRESH_SECONDS or (name not in self._keys and age > AGAIN_SECONDS):
            await self._read()
        return self._keys.get(name)

    async def _read(self) -> None:
        try:
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=8), raise_for_status=True, trust_env=True
            ) as session:
                found = await _json(session, self._base)
                keys = await _json(session, str(found["jwks_uri"]))
        except (aiohttp.ClientError, TimeoutError, KeyError, ValueError) as error:
            if self._keys:
                self._read_at = time.monotonic() - FRESH_SECONDS + AGAIN_SECONDS
                return
            raise StoreUnavailable(f"Entra, signing keys: {type(error).__name__}") from error
        self._issuers = (str(found["issuer"]), f"https://sts.windows.net/{self._tenant}/")
        self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(keys).keys if key.key_id}
        self._read_at = time.monotonic()


async def _json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url) as answer:
        document: dict[str, Any] = await answer.json(content_type=None)
        return document
