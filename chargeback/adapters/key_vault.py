"""Secrets from Key Vault."""

import time

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.keyvault.secrets.aio import SecretClient

from chargeback.adapters.failures import first_line
from chargeback.domain.errors import StoreUnavailable

FRESH_SECONDS = 600.0
"""A rotated secret is in use after at most ten minutes."""


class KeyVaultSecret:
    """One secret, read again every ten minutes."""

    def __init__(self, vault_url: str, name: str, credential: AsyncTokenCredential) -> None:
        self._client = SecretClient(vault_url, credential)
        self._name = name
        self._known: tuple[float, str] | None = None

    async def value(self) -> str:
        """The secret's current value. Raises `StoreUnavailable` if it cannot be had."""
        if self._known is None or time.monotonic() - self._known[0] > FRESH_SECONDS:
            try:
                secret = await self._client.get_secret(self._name)
            except AzureError as error:
                raise StoreUnavailable(f"Key Vault, secret {self._name}: {first_line(error)}") from error
            if not secret.value:
                raise StoreUnavailable(f"Key Vault, secret {self._name}: it is empty")
            self._known = (time.monotonic(), secret.value)
        return self._known[1]

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()
