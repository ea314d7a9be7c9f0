"""Who a bearer token of Entra belongs to: the only module that checks tokens.

Signature, audience, issuer, tenant and time are checked, by the keys of the tenant's own discovery document
(learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens). The caller of this module decides what
whoever it is may do.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import jwt

from chargeback.adapters.azure.entra_claims import client_of, text, texts, verified_caller
from chargeback.domain.access.verified_caller import VerifiedCaller
from chargeback.domain.errors import StoreUnavailable

FRESH_SECONDS = 3_600.0
AGAIN_SECONDS = 60.0
"""An unknown key, or one of a tenant that did not answer, is looked for at most once a minute."""

STALE_SECONDS = 86_400.0
"""How long the keys that were read last are used while the tenant does not answer."""

FIRST_SECONDS = 10.0
"""How long to wait for the next attempt while there is no key at all."""

MAX_TOKEN = 16_384
"""Most characters of a token: no header carries more."""

ALGORITHMS = ("RS256",)

REQUIRED = ("iss", "aud", "exp", "nbf", "iat", "tid")


@dataclass(frozen=True, slots=True)
class EntraApplication:
    """The application that a token belongs to."""

    app_id: str
    roles: tuple[str, ...]
    object_id: str = ""


class SigningKeys:
    """The keys that a tenant signs with, read again each hour and when a token has another; shared by all doors."""

    def __init__(self, authority: str, tenant: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.tenant = tenant
        self.issuers: tuple[str, ...] = ()
        self._document = f"{authority}/{tenant}/v2.0/.well-known/openid-configuration"
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    async def key(self, name: str) -> jwt.PyJWK | None:
        """The key of this name; None if the tenant has none. Raises `StoreUnavailable` while it cannot be told.

        Keys are read by one caller at a time; whoever needs what is being read waits for it.
        """
        if self._is_due(name) or (self._reading.locked() and not self._is_there(name)):
            async with self._reading:
                if self._is_due(name):
                    await self._read()
        if self._clock() - self._read_at > STALE_SECONDS:
            raise StoreUnavailable("Entra, signing keys: none could be read")
        return self._keys.get(name)

    def _is_there(self, name: str) -> bool:
        return name in self._keys and self._clock() - self._read_at <= STALE_SECONDS

    def _is_due(self, name: str) -> bool:
        now = self._clock()
        fresh = name in self._keys and now - self._read_at <= FRESH_SECONDS
        return not fresh and now - self._tried_at > (AGAIN_SECONDS if self._keys else FIRST_SECONDS)

    async def _read(self) -> None:
        self._tried_at = self._clock()
        try:
            async with aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=8), raise_for_status=True, trust_env=True
            ) as session:
                found = await _json(session, self._document)
                keys = jwt.PyJWKSet.from_dict(await _json(session, str(found["jwks_uri"])))
                issuers = (str(found["issuer"]), f"https://sts.windows.net/{self.tenant}/")
        except (aiohttp.ClientError, TimeoutError, LookupError, ValueError, TypeError, jwt.PyJWTError) as error:
            if not self._keys:
                raise StoreUnavailable(f"Entra, signing keys: {type(error).__name__}") from error
            return
        self.issuers = issuers
        self._keys = {key.key_id: key for key in keys.keys if key.key_id}
        self._read_at = self._clock()


class EntraTokens:
    """Checks tokens of one tenant for one audience, which may have several names."""

    def __init__(self, keys: SigningKeys, *audience: str) -> None:
        self._keys = keys
        self._audience = audience

    async def application(self, token: str) -> EntraApplication | None:
        """The application that asked for a token; None if the token is not to be trusted.

        Raises `StoreUnavailable`.
        """
        claims = await self._claims(token)
        if claims is None:
            return None
        return EntraApplication(client_of(claims), tuple(texts(claims, "roles")), text(claims, "oid"))

    async def caller(self, token: str) -> VerifiedCaller | None:
        """The person or application that a token speaks for; None if it is not to be trusted.

        Raises `StoreUnavailable`.
        """
        claims = await self._claims(token)
        return verified_caller(claims) if claims is not None else None

    async def person(self, access_token: str, id_token: str, nonce: str) -> tuple[VerifiedCaller, datetime] | None:
        """Who signed in, and when the access token ends; None if these are not to be trusted.

        Both tokens were given to this application itself, for one person, and the id token in answer to the sign-in
        that the nonce was made up for. Raises `StoreUnavailable`.
        """
        claims, identity = await self._claims(access_token), await self._claims(id_token)
        caller = verified_caller(claims) if claims is not None else None
        if claims is None or identity is None or caller is None or not caller.identity.object_id:
            return None
        if client_of(claims) not in self._audience or text(identity, "oid") != caller.identity.object_id:
            return None
        if not hmac.compare_digest(text(identity, "nonce").encode(), nonce.encode()):
            return None
        return caller, datetime.fromtimestamp(int(claims["exp"]), UTC)

    async def _claims(self, token: str) -> dict[str, Any] | None:
        if len(token) > MAX_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS or not (name := header.get("kid")):
                return None
            key = await self._keys.key(str(name))
            claims = key and jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._keys.issuers,
                options={"require": list(REQUIRED)},
            )
        except jwt.PyJWTError:
            return None
        return claims if claims and claims["tid"] == self._keys.tenant else None


async def _json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url) as answer:
        document: dict[str, Any] = await answer.json(content_type=None)
        return document
