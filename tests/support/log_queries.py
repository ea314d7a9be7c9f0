"""A service of log queries on loopback, asked through our client."""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import trustme
from aiohttp import web
from azure.core.credentials import AccessToken

from chargeback.adapters.azure.log_analytics import LogAnalytics, connect
from stack.listening import listening


class Credential:
    """A token for everybody."""

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("token", int(time.time()) + 3600)

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        return None


def asked_of(app: web.Application, folder: Path, work: Callable[[LogAnalytics], Any]) -> Any:
    """What `work` gets from a query service."""

    async def run() -> Any:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        async with listening(app, 0, tls) as port:
            endpoint, trusted = f"https://127.0.0.1:{port}", str(folder / "ca.pem")
            client = connect(endpoint, Credential(), connection_verify=trusted, retry_total=0)  # type: ignore[arg-type]
            log = LogAnalytics(client, "workspace")
            try:
                return await work(log)
            finally:
                await log.close()

    return asyncio.run(run())
