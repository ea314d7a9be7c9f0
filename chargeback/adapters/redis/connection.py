"""Connects to Redis, and tells its failures as ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.auth.err import RequestTokenErr, TokenRenewalErr
from redis.backoff import ExponentialBackoff
from redis.credentials import CredentialProvider

from chargeback.domain.errors import StoreUnavailable

_UNAVAILABLE = (exceptions.RedisError, OSError, asyncio.TimeoutError, RequestTokenErr, TokenRenewalErr)
"""Redis is away, or the app cannot sign in to it at the moment."""


def connect(url: str, *, credentials: CredentialProvider | None = None, connections: int = 32) -> Redis:
    """A client for `redis://` or `rediss://` with a bounded pool; every command times out after 5 s.

    RESP2 is asked for because it is what every server version and Azure Managed Redis accept.
    """
    extra: dict[str, Any] = {"connection_class": SSLConnection} if url.startswith("rediss://") else {}
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=5,
        socket_timeout=5,
        socket_connect_timeout=5,
        protocol=2,
        # A pool outlives its server: what it finds closed it opens again. Timeouts are left to the caller.
        retry=Retry(ExponentialBackoff(cap=1, base=0.1), 3, supported_errors=(exceptions.ConnectionError,)),
        credential_provider=credentials,
        **extra,
    )
    # The client signs in again on the pool's connections before a token ends, as long as it knows who gives them.
    client = Redis(connection_pool=pool, credential_provider=credentials)
    client.auto_close_connection_pool = True  # the pool is this client's own
    return client


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Raise what Redis raises as `StoreUnavailable`."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailable(f"Redis: {error or type(error).__name__}") from error
