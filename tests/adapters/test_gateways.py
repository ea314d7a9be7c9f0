"""What the app sends to a gateway, and what becomes of it when the gateway refuses, fails or hangs."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from azure.core.exceptions import ClientAuthenticationError

from chargeback.adapters.azure import gateways
from chargeback.adapters.azure.gateways import GatewayRegions
from chargeback.domain.errors import StoreUnavailable

pytestmark = pytest.mark.anyio


class Gateway:
    """Answers with the statuses that a test lists, the last one for ever."""

    def __init__(self) -> None:
        self.statuses = [204]
        self.delay = 0.0
        self.seen: list[tuple[str, str, bytes, str | None]] = []

    async def take(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization")
        self.seen.append((request.method, request.raw_path, await request.read(), token))
        await asyncio.sleep(self.delay)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, text="because")


class Identity:
    """Gives a token, or none."""

    def __init__(self) -> None:
        self.away = False

    async def get_token(self, scope: str) -> Any:
        if self.away:
            raise ClientAuthenticationError("no token")
        return SimpleNamespace(token=f"token-for-{scope}")


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def regions(
    gateway: Gateway, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayRegions]:
    monkeypatch.setattr(gateways, "PAUSE_SECONDS", 0.01)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoints = {
        "sweden": f"http://127.0.0.1:{runner.addresses[0][1]}/budgets/decisions",
        "nowhere": "http://127.0.0.1:9/budgets/decisions",
    }
    store = GatewayRegions(endpoints, "https://audience", identity)  # type: ignore[arg-type]
    yield store
    await store.close()
    await runner.cleanup()


async def test_a_string_is_put_with_a_token_of_the_app(regions: GatewayRegions, gateway: Gateway) -> None:
    assert await regions.put("sweden", "a b", "at=1;")

    assert gateway.seen == [("PUT", "/budgets/decisions/a%20b", b"at=1;", "Bearer token-for-https://audience/.default")]
    assert list(regions.regions) == ["sweden", "nowhere"]


async def test_a_gateway_that_knows_something_newer_is_content(regions: GatewayRegions, gateway: Gateway) -> None:
    gateway.statuses = [409]

    assert not await regions.put("sweden", "standard", "at=1;")

    assert len(gateway.seen) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_tried_once_more(regions: GatewayRegions, gateway: Gateway, status: int) -> None:
    gateway.statuses = [status, 204]

    await regions.put("sweden", "standard", "at=1;")

    assert len(gateway.seen) == 2


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (400, 1), (302, 1), (503, 2)])
async def test_a_refusal_says_why(regions: GatewayRegions, gateway: Gateway, status: int, tries: int) -> None:
    gateway.statuses = [status]

    with pytest.raises(StoreUnavailable, match=f"gateway sweden: {status} because"):
        await regions.put("sweden", "standard", "at=1;")

    assert len(gateway.seen) == tries


async def test_a_gateway_that_hangs_is_given_up(
    regions: GatewayRegions, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "SECONDS", 0.05)
    gateway.delay = 5

    with pytest.raises(StoreUnavailable, match="TimeoutError"):
        await regions.put("sweden", "standard", "at=1;")


async def test_a_gateway_or_an_identity_that_is_away_is_named(regions: GatewayRegions, identity: Identity) -> None:
    with pytest.raises(StoreUnavailable, match="gateway nowhere: ClientConnectorError"):
        await regions.put("nowhere", "standard", "at=1;")
    identity.away = True
    with pytest.raises(StoreUnavailable, match="gateway sweden: ClientAuthenticationError"):
        await regions.put("sweden", "standard", "at=1;")
