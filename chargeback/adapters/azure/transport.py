"""Closes an SDK's connections so that none of them is open after it.

A request that is cancelled leaves a TLS connection that waits for its server's goodbye. Neither aiohttp nor the SDK
waits for that, so the socket stays open if the loop ends first. The client of Cosmos DB cancels its own check of the
account whenever it is closed.
"""

import asyncio
import socket
from typing import Any
from urllib.request import getproxies
from weakref import WeakSet

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport

GOODBYE_SECONDS = 1.0
"""How long to wait for a server that says no goodbye."""

_LOOK_SECONDS = 0.002


class ClosingTransport(AioHttpTransport):  # type: ignore[misc]  # the package imports it by `__getattr__`
    """The SDK's own transport, whose `close` returns when every socket is closed, or after `GOODBYE_SECONDS`."""

    def __init__(self, **limits: float) -> None:
        """`limits`: `connection_timeout` and `read_timeout`, in seconds, where the client does not give them itself."""
        super().__init__(**limits)
        self._sockets: WeakSet[socket.socket] | None = None

    async def open(self) -> None:
        """Open the session as the SDK does, with sockets that can be watched."""
        if self._sockets is None:
            self._sockets = WeakSet()
            self.session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=self._socket),
                trust_env=_has_proxy(),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        await super().open()

    async def close(self) -> None:
        """Close the session, and let the connections that are still closing end."""
        await super().close()
        for _ in range(int(GOODBYE_SECONDS / _LOOK_SECONDS)):
            if not self._has_open_sockets:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    @property
    def _has_open_sockets(self) -> bool:
        return any(each.fileno() >= 0 for each in self._sockets or ())

    def _socket(self, address: Any) -> socket.socket:
        assert self._sockets is not None
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made


def _has_proxy() -> bool:
    """Whether this process is told to go through a proxy.

    aiohttp looks for one, and for passwords in `.netrc`, in another thread, twice at every request. We never need the
    second, and where there is no proxy, two changes of thread at each request were a fifth of the time of a page.
    """
    return not {"http", "https"}.isdisjoint(getproxies())
