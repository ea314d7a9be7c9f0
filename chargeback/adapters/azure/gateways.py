"""Sends what budgets decide to the gateway of each region: `PUT <endpoint>/<product>` with a token of the app."""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from chargeback.domain.errors import StoreUnavailable

ATTEMPTS = 2
PAUSE_SECONDS = 0.2
SECONDS = 3.0
"""For each attempt: the next string is due within a minute, so a gateway that hangs is not waited for."""

_NEWER_KNOWN = 409
_AGAIN = (408, 429)


class GatewayRegions:
    """The gateways that can be told, by region; see `services.ports.gateways.DecisionStore`."""

    def __init__(self, endpoints: Mapping[str, str], audience: str, credential: AsyncTokenCredential) -> None:
        self._endpoints = endpoints
        self._scope = f"{audience}/.default"
        self._credential = credential
        self._session: aiohttp.ClientSession | None = None

    @property
    def regions(self) -> Sequence[str]:
        """Every gateway region."""
        return tuple(self._endpoints)

    async def put(self, region: str, product: str, text: str) -> bool:
        """Replace what a region knows about a product."""
        url = f"{self._endpoints[region]}/{quote(product, safe='')}"
        fault = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS)
            try:
                async with asyncio.timeout(SECONDS):
                    status, said = await self._send(url, text)
            except (aiohttp.ClientError, AzureError, TimeoutError, OSError) as error:
                fault = f"{type(error).__name__}: {error}"
                continue
            if status < 300 or status == _NEWER_KNOWN:
                return status != _NEWER_KNOWN
            fault = f"{status} {said}"
            if status < 500 and status not in _AGAIN:
                break
        raise StoreUnavailable(f"gateway {region}: {fault}")

    async def _send(self, url: str, text: str) -> tuple[int, str]:
        token = await self._credential.get_token(self._scope)
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=True)
        headers = {"Authorization": f"Bearer {token.token}", "Content-Type": "text/plain; charset=utf-8"}
        async with self._session.put(url, data=text.encode(), headers=headers, allow_redirects=False) as answer:
            return answer.status, (await answer.text(errors="replace"))[:200]

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
