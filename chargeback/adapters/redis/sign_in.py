"""Signs in to Azure Managed Redis with the app's identity, and again before a token expires."""

import asyncio
import logging

from azure.identity import DefaultAzureCredential
from redis.auth.err import RequestTokenErr
from redis.auth.token import TokenResponse
from redis.auth.token_manager import RetryPolicy, TokenManager, TokenManagerConfig
from redis.credentials import CredentialProvider
from redis_entraid.cred_provider import EntraIdCredentialsProvider
from redis_entraid.identity_provider import DefaultAzureCredentialProvider

from chargeback.adapters.failures import first_line
from chargeback.log_line import log_line

log = logging.getLogger(__name__)

SCOPE = "https://redis.azure.com/.default"
REQUEST_SECONDS = 8.0
AGAIN_SECONDS = 60.0
"""How long a renewal that failed waits: it begins after seven tenths of a token's day, so there is time."""


def entra_credentials(client_id: str | None) -> CredentialProvider:
    """Sign in with the identity `client_id`, the app's only one if None; tokens are renewed before they expire."""
    limits = {"connection_timeout": 2, "read_timeout": 4, "retry_total": 1}
    identity = {"managed_identity_client_id": client_id} if client_id else {}
    provider = DefaultAzureCredentialProvider(DefaultAzureCredential(**identity, **limits), (SCOPE,))
    return _SignIn(provider, TokenManagerConfig(0.7, 0, 100, RetryPolicy(0, 0)))


class _SignIn(EntraIdCredentialsProvider):
    def __init__(self, provider: DefaultAzureCredentialProvider, config: TokenManagerConfig) -> None:
        super().__init__(provider, config)
        self._token_mgr = _Tokens(provider, config)


class _Tokens(TokenManager):
    """Asks for tokens outside the event loop, which the library's own manager blocks for as long as that takes.

    While nothing else waits for it, a renewal that fails is tried again; the library gives up for good.
    """

    async def acquire_token_async(self, force_refresh: bool = False) -> TokenResponse:  # noqa: FBT001 the library's
        while True:
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    return TokenResponse(await asyncio.to_thread(self._idp.request_token, force_refresh))
            except (RequestTokenErr, TimeoutError) as error:
                if not force_refresh:
                    raise RequestTokenErr(first_line(error)) from error  # type: ignore[no-untyped-call]
                log_line(log, "redis_sign_in_failed", level=logging.WARNING, reason=first_line(error))
                await asyncio.sleep(AGAIN_SECONDS)
