"""Connections of a client that is closed are closed, also those of requests that were cancelled."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from aiohttp import web
from azure.core.pipeline.transport import AsyncHttpTransport, HttpRequest

from chargeback.adapters.azure import transport
from chargeback.adapters.azure.transport import ClosingTransport
from stack.certificates import make_certificates
from stack.listening import listening

pytestmark = pytest.mark.anyio


class Server:
    """A server over TLS that takes requests and leaves those to /slow unanswered."""

    def __init__(self, folder: Path) -> None:
        files = make_certificates(folder)
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(files.certificate, files.key)
        self.bundle = str(files.bundle)
        self.app = web.Application()
        self.app.router.add_get("/{path}", self._answer)
        self.asked = asyncio.Event()
        self.port = 0

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.set()
        if request.path == "/slow":
            await asyncio.sleep(60)
        return web.Response(text="here")

    async def ask(self, client: AsyncHttpTransport, path: str) -> str:
        """What it says to the client."""
        request = HttpRequest("GET", f"https://127.0.0.1:{self.port}/{path}")
        return (await client.send(request, connection_verify=self.bundle)).text()

    @property
    def clients(self) -> int:
        """How many sockets of this process are connected to it."""
        connections = psutil.Process().net_connections("tcp")
        return sum(bool(each.raddr) and each.raddr.port == self.port for each in connections)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    async with listening(made.app, tls=made.tls) as made.port:
        yield made


async def test_the_connection_of_a_cancelled_request_is_closed_with_its_client(server: Server) -> None:
    client = ClosingTransport()
    asking = asyncio.create_task(server.ask(client, "slow"))
    await server.asked.wait()

    asking.cancel()
    await asyncio.wait([asking])
    assert server.clients == 1
    await client.close()

    assert server.clients == 0


async def test_a_connection_that_waits_for_more_requests_is_closed_with_its_client(server: Server) -> None:
    client = ClosingTransport()
    assert await server.ask(client, "quick") == "here"
    assert server.clients == 1

    await client.close()

    assert server.clients == 0


async def test_a_server_that_says_no_goodbye_is_not_waited_for_long(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ClosingTransport()
    asking = asyncio.create_task(server.ask(client, "slow"))
    await server.asked.wait()
    monkeypatch.setattr(transport, "GOODBYE_SECONDS", 0.0)

    asking.cancel()
    await asyncio.wait([asking])
    await client.close()

    assert server.clients == 1


async def test_a_closed_client_is_not_opened_again(server: Server) -> None:
    client = ClosingTransport()
    await server.ask(client, "quick")
    await client.close()

    with pytest.raises(ValueError, match="already been closed"):
        await server.ask(client, "quick")


@pytest.mark.parametrize(
    ("proxies", "looked_for"),
    [({}, False), ({"NO_PROXY": "127.0.0.1"}, False), ({"HTTPS_PROXY": "http://proxy.example:3128"}, True)],
)
async def test_a_proxy_is_looked_for_at_each_request_where_there_is_one_alone(
    proxies: dict[str, str], *, looked_for: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in proxies.items():
        monkeypatch.setenv(name, value)

    async with ClosingTransport() as client:
        assert client.session.trust_env is looked_for
