"""Reads the senders' keys from Key Vault, and keeps using the last known ones while it does not answer."""

import asyncio
import logging
import time
from collections.abc import Callable

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.keyvault.secrets.aio import SecretClient

from chargeback.adapters.failures import first_line
from chargeback.domain.errors import StoreUnavailable
from chargeback.domain.events.emitters import keys_in
from chargeback.log_line import log_line
from chargeback.services.audit_log.key_versions import KeyVersion

log = logging.getLogger(__name__)

FRESH_SECONDS = 600.0
"""A rotated secret is in use after at most ten minutes."""

RETRY_SECONDS = 30.0
"""How long a vault that is away is left alone."""

CALL_SECONDS = 8.0
"""How long reading a secret may take, with signing in and the client's second attempt."""


def connect(vault_url: str, credential: AsyncTokenCredential) -> SecretClient:
    """A client that gives up well within Event Grid's 30 s."""
    return SecretClient(vault_url, credential, retry_total=1, connection_timeout=3, read_timeout=5)


class VaultKeys:
    """The keys in one secret, read again every ten minutes; the last known ones serve while the vault is away."""

    def __init__(self, client: SecretClient, name: str, parse: Callable[[str], tuple[str, ...]] = keys_in) -> None:
        """`parse` takes the keys out of the secret, and raises `ValueError` with what is wrong with it."""
        self._client = client
        self._name = name
        self._parse = parse
        self._keys: tuple[str, ...] = ()
        self._fault = ""
        self._next = 0.0
        self._read_at = float("-inf")
        self._one_reads = asyncio.Lock()

    async def current(self) -> tuple[str, ...]:
        """The keys that are valid now. Raises `StoreUnavailable` if none were ever read."""
        async with self._one_reads:  # while the vault hangs, it is waited for once and not by each request
            if time.monotonic() >= self._next:
                await self._read()
        if not self._keys:
            raise StoreUnavailable(self._fault)
        return self._keys

    async def renewed(self) -> tuple[str, ...]:
        """The keys, read again unless that was done within half a minute. Raises `StoreUnavailable`."""
        if time.monotonic() - self._read_at >= RETRY_SECONDS:
            self._next = 0.0
        return await self.current()

    async def _read(self) -> None:
        self._read_at = time.monotonic()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                self._keys = self._parse((await self._client.get_secret(self._name)).value or "")
        except (AzureError, ValueError, TimeoutError) as error:
            self._fault = f"Key Vault, secret {self._name}: {first_line(error)}"
            self._next = time.monotonic() + RETRY_SECONDS
            using = "the last known keys" if self._keys else "none"
            log_line(log, "keys_unavailable", level=logging.WARNING, secret=self._name, using=using, reason=self._fault)
        else:
            self._next = time.monotonic() + FRESH_SECONDS


class VaultVersions:
    """Which version each secret has; the values are not kept."""

    def __init__(self, client: Callable[[], SecretClient]) -> None:
        self._client = client

    async def newest(self, name: str) -> KeyVersion:
        """The newest version of a secret. Raises `StoreUnavailable`."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                found = (await self._client().get_secret(name)).properties
        except ResourceNotFoundError:
            return KeyVersion(name, "", "")
        except (AzureError, TimeoutError) as error:
            raise StoreUnavailable(f"Key Vault, secret {name}: {first_line(error)}") from error
        return KeyVersion(name, found.version or "", found.created_on.isoformat() if found.created_on else "")


class FixedKeys:
    """Keys that the settings hold, where there is no Key Vault."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys

    async def current(self) -> tuple[str, ...]:
        """The keys."""
        return self._keys

    async def renewed(self) -> tuple[str, ...]:
        """The keys: settings do not change while the app runs."""
        return self._keys
