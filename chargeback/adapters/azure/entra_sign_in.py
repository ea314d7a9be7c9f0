"""Signs people in with Entra by the authorization-code flow with PKCE, and no secret of the app.

The app names itself with a token of its managed identity, which the registration trusts
(learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity).
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from chargeback.adapters.azure.clouds import exchange_audience
from chargeback.adapters.azure.entra_claims import API_SCOPE
from chargeback.adapters.azure.entra_tokens import EntraTokens
from chargeback.adapters.failures import first_line
from chargeback.domain.errors import StoreUnavailable
from chargeback.services.access.sign_in import (
    LONGEST_ANSWER,
    AskedOfProvider,
    Failure,
    SignInFailed,
    VerifiedSignIn,
)

SECONDS = 10.0
"""How long Entra and the identity's own token may take together: a person waits for it."""

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_NUMBER = re.compile(r"AADSTS\d{3,9}")
_WORD = re.compile(r"[a-z_]{1,40}")

_FAILURES = {
    "AADSTS50105": Failure.NOT_ADMITTED,  # nobody assigned them to the application
    "AADSTS65001": Failure.CONSENT,
    "AADSTS65004": Failure.CANCELLED,
    "AADSTS90094": Failure.CONSENT,
    "access_denied": Failure.CANCELLED,
    "consent_required": Failure.CONSENT,
    "interaction_required": Failure.REFUSED,
    "login_required": Failure.REFUSED,
    "invalid_grant": Failure.EXPIRED,
    "invalid_client": Failure.APP_UNKNOWN,
    "unauthorized_client": Failure.APP_UNKNOWN,
}
"""What Entra says → what it means; its number says more than its word
(learn.microsoft.com/entra/identity-platform/reference-error-codes)."""

_AWAY = frozenset({"server_error", "temporarily_unavailable"})


class EntraSignIn:
    """Entra, for the pages of one deployment; see `services.access.sign_in.IdentityProvider`."""

    def __init__(
        self, authority: str, client_id: str, pages: str, tokens: EntraTokens, credential: AsyncTokenCredential
    ) -> None:
        """`authority`: with the tenant; `pages`: where the pages are."""
        self._endpoint = f"{authority}/oauth2/v2.0"
        self._client_id = client_id
        self._redirect_uri = f"{pages}/signed-in"
        self._tokens = tokens
        self._credential = credential
        self._exchange = exchange_audience(authority)
        # By its client id and not its URI: else Entra may refuse an application a token for itself (AADSTS90009).
        self._scope = f"openid profile {client_id}/{API_SCOPE}"

    @property
    def sign_out_address(self) -> str:
        """Where somebody signs out of Entra itself."""
        return f"{self._endpoint}/logout"

    def address(self, asked: AskedOfProvider) -> str:
        """Where a browser is sent to."""
        parameters = {
            "client_id": self._client_id,
            "response_type": "code",
            "redirect_uri": self._redirect_uri,
            "response_mode": "query",
            "scope": self._scope,
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": asked.challenge,
            "code_challenge_method": "S256",
            **({"prompt": "select_account"} if asked.choose else {}),
        }
        return f"{self._endpoint}/authorize?{urlencode(parameters)}"

    def failure_of(self, answer: Mapping[str, str]) -> SignInFailed | None:
        """What an answer without a code says; nothing that it says is shown but a number."""
        if "error" in answer:
            return _failure(answer, Failure.REFUSED)
        if not 0 < len(answer.get("code", "")) <= LONGEST_ANSWER:
            return SignInFailed(Failure.REFUSED)
        return None

    async def redeem(self, code: str, verifier: str, nonce: str) -> VerifiedSignIn:
        """Who signed in: exchange the code for tokens, and check them."""
        try:
            async with asyncio.timeout(SECONDS):
                status, said = await self._exchanged(code, verifier)
        except (aiohttp.ClientError, AzureError, TimeoutError, OSError, ValueError) as error:
            raise StoreUnavailable(f"Entra, signing in: {type(error).__name__}: {first_line(error)}") from error
        if status in (408, 429) or status >= 500:
            raise StoreUnavailable(f"Entra, signing in: it answers {status}")
        if status != 200:
            raise _failure({name: str(said.get(name, "")) for name in ("error", "error_description")}, Failure.REFUSED)
        found = await self._tokens.person(str(said.get("access_token", "")), str(said.get("id_token", "")), nonce)
        if found is None:
            raise SignInFailed(Failure.NOT_TRUSTED)
        caller, ends = found
        return VerifiedSignIn(caller, ends)

    async def _exchanged(self, code: str, verifier: str) -> tuple[int, dict[str, Any]]:
        assertion = await self._credential.get_token(f"{self._exchange}/.default")
        form = {
            "grant_type": "authorization_code",
            "client_id": self._client_id,
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
            "scope": self._scope,
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion.token,
        }
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.post(f"{self._endpoint}/token", data=form, allow_redirects=False) as answer,
        ):
            said = await answer.json(content_type=None) if answer.status < 500 else {}
            if not isinstance(said, dict):
                raise ValueError("the answer is no object")
            return answer.status, said


def _failure(said: Mapping[str, str], otherwise: Failure) -> SignInFailed:
    """What Entra's words mean; nothing of them goes on but a number or word of a known form."""
    word = said.get("error", "")
    if word in _AWAY:
        raise StoreUnavailable(f"Entra, signing in: {word}")
    found = _NUMBER.search(said.get("error_description", ""))
    number = found[0] if found else ""
    failure = _FAILURES.get(number) or _FAILURES.get(word, otherwise)
    return SignInFailed(failure, number or (word if _WORD.fullmatch(word) else ""))
