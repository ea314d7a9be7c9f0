"""The product calls allowed hosts of the internet alone, whatever anybody configures or answers."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from chargeback.adapters.channels import outbound as module
from chargeback.adapters.channels.outbound import Outbound, OutboundFailed, OutboundRefused
from stack.certificates import make_certificates
from stack.processes import free_range
from tests.conftest import CERTIFICATES

pytestmark = [pytest.mark.anyio, pytest.mark.servers]
HOSTS = ("hooks.example.com",)


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, list[str]]]:
    """A server on this machine, and the paths that it was asked for."""
    asked: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/moved":
            return web.Response(status=307, headers={"Location": "/inside"})
        answer = web.StreamResponse()
        await answer.prepare(request)
        if request.path == "/drip":
            for _ in range(600):
                await answer.write(b"x")
                await asyncio.sleep(0.05)
        if request.path == "/flood":
            await answer.write(b"y" * 1_000_000)
        return answer

    certificates = make_certificates(Path(CERTIFICATES.name))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.certificate, certificates.key)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_range(1)
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    yield f"https://localhost:{port}", asked
    await runner.cleanup()


@pytest.fixture
async def deployed() -> AsyncIterator[Outbound]:
    """The way out as it is in Azure."""
    made = Outbound()
    yield made
    await made.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://example.com/",
        "https://hooks.example.com.evil.example/",
        "https://evilhooks.example.com@10.0.0.1/",
        "https://hooks.example.com@10.0.0.1/",
        "https://hooks.example.com:22/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://169.254.169.254/metadata/identity",
        "https://2852039166/",
        "https://0x7f.1/",
        "https://hooks.example.com\t.evil.example/",
        "https://hooks。example。com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https://[::1/",
        "",
    ],
)
async def test_what_is_no_address_of_an_allowed_host_is_never_called(
    deployed: Outbound, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(deployed.resolver, "resolve", never)

    with pytest.raises(OutboundRefused):
        await deployed.post(url, HOSTS, b"{}")


async def test_an_allowed_name_that_leads_inside_is_not_called(
    deployed: Outbound, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the name led outside when somebody checked it: the address is looked at again for each request."""
    port = int(server[0].rpartition(":")[2])

    async def inside(host: str, _port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", inside, raising=False)

    with pytest.raises(OutboundRefused, match="does not lead to the internet"):
        await deployed.post("https://hooks.example.com/", HOSTS, b"{}")
    assert server[1] == []


async def test_this_machine_is_never_called_from_azure(deployed: Outbound, server: tuple[str, list[str]]) -> None:
    for hosts in (HOSTS, ("localhost",)):
        with pytest.raises(OutboundRefused):
            await deployed.post(f"{server[0]}/", hosts, b"{}")
    assert server[1] == []


async def test_a_redirection_is_not_followed(outbound: Outbound, server: tuple[str, list[str]]) -> None:
    answer = await outbound.post(f"{server[0]}/moved", HOSTS, b"{}")

    assert answer.status == 307
    assert server[1] == ["/moved"]


async def test_an_answer_that_never_ends_is_cut_off(
    outbound: Outbound, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.5)

    with pytest.raises(OutboundFailed, match="no answer within"):
        await outbound.post(f"{server[0]}/drip", HOSTS, b"{}")


async def test_of_a_long_answer_the_beginning_is_read(outbound: Outbound, server: tuple[str, list[str]]) -> None:
    answer = await outbound.post(f"{server[0]}/flood", HOSTS, b"{}")

    assert 0 < len(answer.body) <= module.MOST_ANSWERED


async def test_no_proxy_of_the_environment_is_used(
    outbound: Outbound, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert (await outbound.post(f"{server[0]}/", HOSTS, b"{}")).status == 200


async def test_a_fault_never_repeats_the_address(outbound: Outbound) -> None:
    with pytest.raises(OutboundFailed) as failed:
        await outbound.post("https://localhost:1/?sig=secret", HOSTS, b"{}")

    assert "secret" not in str(failed.value)
