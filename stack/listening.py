"""Serves an aiohttp application on loopback for as long as a block lasts."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def listening(app: web.Application, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve `app`; gives the port. A handler ends when its client goes away."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls, backlog=1024).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
