"""One browser for all tests of the pages, and the products that pages are looked at over, each built once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support.page_worlds import WORLDS, PageWorld
from tests.support.pages import served
from tests.support.screens import Screen, chromium_running, screen

World = Callable[[str], Awaitable[PageWorld]]
Visiting = Callable[..., Awaitable[AbstractAsyncContextManager[Screen]]]


@pytest.fixture(scope="session")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    """Chromium, which reaches no other host."""
    async with chromium_running() as found:
        yield found


@pytest.fixture(scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> World:
    """A product by its name in `WORLDS`; tests that change one build their own."""
    built: dict[str, PageWorld] = {}

    async def find(name: str) -> PageWorld:
        if name not in built:
            built[name] = await WORLDS[name](tmp_path_factory.mktemp("world"))
        return built[name]

    return find


@pytest.fixture(scope="session")
async def visiting(browser: Browser, world: World) -> AsyncIterator[Visiting]:
    """Opens a screen of somebody at the pages of a world: `async with await visiting("ordinary", "finance") as at:`."""
    sites: dict[str, str] = {}
    async with AsyncExitStack() as servers:

        async def visit(name: str, who: str = "", **options: Any) -> AbstractAsyncContextManager[Screen]:
            if name not in sites:
                sites[name] = await servers.enter_async_context(served((await world(name)).container))
            return screen(browser, sites[name], who, **options)

        yield visit
